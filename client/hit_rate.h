// How often a run finds something, and how sure that is.
//
// Model.  Runs are independent trials, a hit is a run that found something. The
// interval is Wilson's score interval, which stays sensible for few runs. For no
// hits its upper end is the exact one-sided bound, 1 - (1 - confidence)^(1 / runs),
// of which the rule of three (3 / runs at 95 %) is the rounded form; for nothing
// but hits its lower end is one less that.
// Limits.  JudgeRate() after every run looks often: the chance that one of the
// looks errs on a rate near the one asked about is higher than one look's.
// Thread safety.  Plain values and functions.
// Source.  Wilson 1927; Newcombe 1998, method 3.
#ifndef CLIENT_HIT_RATE_H_
#define CLIENT_HIT_RATE_H_

#include <cstdint>

namespace stressd::client {

struct HitRate {
  int64_t hit_count = 0;  // [0, run_count]
  int64_t run_count = 0;  // Those that say something: no ERROR, no CANCELLED.

  double PerRun() const {
    return run_count == 0 ? 0.0 : static_cast<double>(hit_count) / static_cast<double>(run_count);
  }
};

struct RateInterval {
  double low = 0;
  double high = 1;
};

// The interval of the probability of a hit. `confidence` in (0, 1), e.g. 0.95.
// [0, 1] for no runs.
RateInterval IntervalOf(const HitRate& seen, double confidence);

enum class RateJudgement { kOpen, kExcluded, kEstablished };

// Excluded: the whole interval lies below `rate`. Established: the whole interval
// lies at or above it. `rate` in (0, 1].
RateJudgement JudgeRate(const HitRate& seen, double rate, double confidence);

// Runs without a hit that exclude `rate`. At least 1.
int64_t RunsToExclude(double rate, double confidence);

}  // namespace stressd::client

#endif  // CLIENT_HIT_RATE_H_
