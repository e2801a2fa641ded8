#include "client/hit_rate.h"

#include <algorithm>
#include <cmath>

namespace stressd::client {
namespace {

// The standard normal distribution's quantile of `p` in (0.5, 1), by bisection of
// std::erfc: 60 halvings of [0, 40] leave less than a double's rounding.
double NormalQuantile(double p) {
  double low = 0;
  double high = 40;
  for (int step = 0; step < 60; ++step) {
    const double middle = (low + high) / 2;
    // The tail beyond `middle`.
    if (std::erfc(middle / std::sqrt(2.0)) / 2 > 1 - p) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return (low + high) / 2;
}

// The probability of a hit that gives no hit in `run_count` runs with probability
// 1 - `confidence`.
double BoundWithoutHits(int64_t run_count, double confidence) {
  return -std::expm1(std::log1p(-confidence) / static_cast<double>(run_count));
}

}  // namespace

RateInterval IntervalOf(const HitRate& seen, double confidence) {
  if (seen.run_count <= 0) return RateInterval{};
  if (seen.hit_count == 0) return {0, BoundWithoutHits(seen.run_count, confidence)};
  if (seen.hit_count == seen.run_count) {
    return {1 - BoundWithoutHits(seen.run_count, confidence), 1};
  }
  const double z = NormalQuantile((1 + confidence) / 2);
  const double n = static_cast<double>(seen.run_count);
  const double p = seen.PerRun();
  const double denominator = 1 + z * z / n;
  const double centre = (p + z * z / (2 * n)) / denominator;
  const double half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / denominator;
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

RateJudgement JudgeRate(const HitRate& seen, double rate, double confidence) {
  const RateInterval interval = IntervalOf(seen, confidence);
  if (interval.high < rate) return RateJudgement::kExcluded;
  if (seen.hit_count > 0 && interval.low >= rate) return RateJudgement::kEstablished;
  return RateJudgement::kOpen;
}

int64_t RunsToExclude(double rate, double confidence) {
  HitRate seen;
  // Strictly below: the bound of so many runs may equal the rate.
  const double runs = std::log1p(-confidence) / std::log1p(-rate);
  seen.run_count = std::max(int64_t{1}, static_cast<int64_t>(runs));
  while (JudgeRate(seen, rate, confidence) != RateJudgement::kExcluded) ++seen.run_count;
  return seen.run_count;
}

}  // namespace stressd::client
