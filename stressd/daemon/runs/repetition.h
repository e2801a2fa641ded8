// Statistics of repeated runs: how often does it happen, and how sure are we.
//
// Model.  A hit is a run whose verdict IsFinding(). The interval is Wilson's
// score interval, which stays sensible for zero hits and few runs.
// Thread safety.  Plain values and functions.
#ifndef STRESSD_DAEMON_RUNS_REPETITION_H_
#define STRESSD_DAEMON_RUNS_REPETITION_H_

#include <cstdint>
#include <map>

#include "absl/time/time.h"
#include "stressd/daemon/runs/verdict.h"

namespace stressd::runs {

struct Interval {
  double low = 0;
  double high = 1;
};

// Wilson's 95 % interval of the probability of a hit. Requires
// 0 <= hit_count <= run_count; [0, 1] for no runs.
Interval WilsonInterval(int64_t hit_count, int64_t run_count);

struct RepetitionStatistics {
  int64_t run_count = 0;  // Those that say something: no ERROR, no CANCELLED.
  int64_t hit_count = 0;
  double hit_rate = 0;  // Hits per run.
  Interval hit_rate_interval;
  double hits_per_second = 0;  // Of busy time.
  double runs_per_second = 0;
};

RepetitionStatistics ComputeStatistics(const std::map<Verdict, int64_t>& verdict_counts,
                                       absl::Duration busy);

}  // namespace stressd::runs

#endif  // STRESSD_DAEMON_RUNS_REPETITION_H_
