// The table of what each operation may cost, measured beside its floor.
//
// Model.  A row names a benchmark, another one that is its floor (a reference
//   loop, or the same operation under easier conditions) and the goal for the
//   ratio of the two. Rows are measured in rounds: each round runs the operation
//   and then the floor, so that both see the same state of a machine that others
//   use too. Reported is the median of the rounds' ratios with the least and the
//   greatest, and the least time of each; on a busy machine the least time is
//   what the code costs and the rest is what it waited.
// Thread safety.  The main thread's.

#ifndef RUNTIME_BENCH_RATIO_TABLE_H_
#define RUNTIME_BENCH_RATIO_TABLE_H_

#include <span>
#include <string>

namespace rt {

struct RatioRow {
  const char* operation;  // Names of benchmarks.
  const char* floor;
  double goal = 0;  // The ratio is to be at most this; 0: for orientation.
};

// Measures the rows whose operation contains `filter` in `round_count` rounds and
// prints them. Returns how many goals were missed.
int MeasureRatios(std::span<const RatioRow> rows, int round_count, const std::string& filter);

}  // namespace rt

#endif  // RUNTIME_BENCH_RATIO_TABLE_H_
