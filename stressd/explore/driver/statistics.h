// Statistics of hit rates.
#ifndef STRESSD_EXPLORE_DRIVER_STATISTICS_H_
#define STRESSD_EXPLORE_DRIVER_STATISTICS_H_

#include <cmath>
#include <cstdint>

namespace explore {

struct Interval {
  double low;
  double high;
};

// The 95 % interval of the rate behind `hits` of `trials`; [0, 1] without trials.
// Source.  Wilson, "Probable inference, the law of succession, and statistical
// inference" (1927).
inline Interval WilsonInterval(uint64_t hits, uint64_t trials) {
  if (trials == 0) return {0, 1};
  constexpr double kZ = 1.959964;  // Two-sided 95 % of the normal distribution.
  const double n = static_cast<double>(trials);
  const double p = static_cast<double>(hits) / n;
  const double scale = 1 + kZ * kZ / n;
  const double middle = (p + kZ * kZ / (2 * n)) / scale;
  const double half = kZ * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n)) / scale;
  return {hits == 0 ? 0 : middle - half, hits == trials ? 1 : middle + half};
}

}  // namespace explore

#endif  // STRESSD_EXPLORE_DRIVER_STATISTICS_H_
