// Prints benchmarks as usual and, at the end, each beside its floor.
//
// Model.  A benchmark named `op` has a floor named `op/floor:what`, run in the
//   same process: what the same work costs without us. The table shows both and
//   their ratio, which is worth more than nanoseconds on a shared machine.
// Thread safety.  Called by the benchmark library's main thread.

#ifndef RUNTIME_BENCH_RATIO_REPORTER_H_
#define RUNTIME_BENCH_RATIO_REPORTER_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "benchmark/benchmark.h"

namespace rt {

class RatioReporter : public benchmark::ConsoleReporter {
 public:
  RatioReporter() : ConsoleReporter(OO_Tabular) {}

  void ReportRuns(const std::vector<Run>& runs) override;
  void Finalize() override;

 private:
  // Nanoseconds per operation: the median if repeated, else the only run.
  std::map<std::string, double> operations_;
  // By operation: the floor's name and nanoseconds.
  std::map<std::string, std::vector<std::pair<std::string, double>>> floors_;
};

}  // namespace rt

#endif  // RUNTIME_BENCH_RATIO_REPORTER_H_
