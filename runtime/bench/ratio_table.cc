#include "runtime/bench/ratio_table.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "benchmark/benchmark.h"

namespace rt {
namespace {

// Keeps the nanoseconds of the run that was reported last.
class LastRun final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context& /*context*/) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.error_occurred || run.run_type != Run::RT_Iteration) continue;
      // Processor time, unless the operation is one that waits.
      const bool waits = !run.run_name.time_type.empty();
      nanoseconds_ = waits ? run.GetAdjustedRealTime() : run.GetAdjustedCPUTime();
    }
  }
  double nanoseconds() const { return nanoseconds_; }

 private:
  double nanoseconds_ = 0;
};

double RunOnce(const char* name) {
  LastRun last;
  benchmark::RunSpecifiedBenchmarks(&last, "^" + std::string(name) + "(/|$)");
  return last.nanoseconds();
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 != 0 ? values[half] : (values[half - 1] + values[half]) / 2;
}

// Returns whether the goal was met, or there is none.
bool MeasureRow(const RatioRow& row, int round_count) {
  std::vector<double> ratios;
  double least = 0;
  double least_floor = 0;
  for (int round = 0; round < round_count; ++round) {
    const double operation = RunOnce(row.operation);
    const double floor = RunOnce(row.floor);
    if (operation == 0 || floor == 0) {
      printf("%-28s   %-22s not measured\n", row.operation, row.floor);
      return row.goal == 0;
    }
    ratios.push_back(operation / floor);
    least = round == 0 ? operation : std::min(least, operation);
    least_floor = round == 0 ? floor : std::min(least_floor, floor);
  }
  const double median = Median(ratios);
  const bool met = row.goal == 0 || median <= row.goal;
  printf("%-28s %10.2f   %-22s %10.2f %7.2f [%.2f, %.2f]", row.operation, least, row.floor,
         least_floor, median, *std::min_element(ratios.begin(), ratios.end()),
         *std::max_element(ratios.begin(), ratios.end()));
  if (row.goal != 0) printf(" %6.2f  %s", row.goal, met ? "yes" : "NO");
  printf("\n");
  fflush(stdout);
  return met;
}

}  // namespace

int MeasureRatios(std::span<const RatioRow> rows, int round_count, const std::string& filter) {
  printf("%-28s %10s   %-22s %10s %7s [min, max]   goal  met?\n", "operation", "ns", "floor", "ns",
         "ratio");
  int missed_count = 0;
  for (const RatioRow& row : rows) {
    if (std::string(row.operation).find(filter) == std::string::npos) continue;
    if (!MeasureRow(row, round_count)) ++missed_count;
  }
  return missed_count;
}

}  // namespace rt
