#include "stressd/daemon/runs/repetition.h"

#include <algorithm>
#include <cmath>

namespace stressd::runs {

Interval WilsonInterval(int64_t hit_count, int64_t run_count) {
  if (run_count <= 0) return Interval{};
  // 1.96: the normal distribution's two-sided 95 % quantile.
  constexpr double kZ = 1.959963984540054;
  const double n = static_cast<double>(run_count);
  const double p = static_cast<double>(hit_count) / n;
  const double z2 = kZ * kZ;
  const double denominator = 1 + z2 / n;
  const double centre = (p + z2 / (2 * n)) / denominator;
  const double half = kZ * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / denominator;
  Interval interval{std::max(0.0, centre - half), std::min(1.0, centre + half)};
  // Exact at the ends, where rounding would leave 1e-17.
  if (hit_count == 0) interval.low = 0;
  if (hit_count == run_count) interval.high = 1;
  return interval;
}

RepetitionStatistics ComputeStatistics(const std::map<Verdict, int64_t>& verdict_counts,
                                       absl::Duration busy) {
  RepetitionStatistics result;
  for (const auto& [verdict, count] : verdict_counts) {
    if (verdict == Verdict::kError || verdict == Verdict::kCancelled ||
        verdict == Verdict::kUnspecified) {
      continue;
    }
    result.run_count += count;
    if (IsFinding(verdict)) result.hit_count += count;
  }
  result.hit_rate_interval = WilsonInterval(result.hit_count, result.run_count);
  if (result.run_count > 0) {
    result.hit_rate = static_cast<double>(result.hit_count) / static_cast<double>(result.run_count);
  }
  const double seconds = absl::ToDoubleSeconds(busy);
  if (seconds > 0) {
    result.hits_per_second = static_cast<double>(result.hit_count) / seconds;
    result.runs_per_second = static_cast<double>(result.run_count) / seconds;
  }
  return result;
}

}  // namespace stressd::runs
