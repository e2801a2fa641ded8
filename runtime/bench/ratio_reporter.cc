#include "runtime/bench/ratio_reporter.h"

#include <cstdio>
#include <string>

namespace rt {
namespace {

constexpr char kFloorMark[] = "/floor:";

}  // namespace

void RatioReporter::ReportRuns(const std::vector<Run>& runs) {
  ConsoleReporter::ReportRuns(runs);
  for (const Run& run : runs) {
    if (run.error_occurred) continue;
    if (run.run_type == Run::RT_Aggregate && run.aggregate_name != "median") {
      continue;
    }
    // An aggregate comes after the runs it sums up, and replaces them.
    const std::string name = run.run_name.function_name;
    // Items are operations where one iteration makes several.
    const auto items = run.counters.find("items_per_second");
    const double ns = items != run.counters.end() ? 1e9 / static_cast<double>(items->second)
                                                  : run.GetAdjustedRealTime();
    const size_t mark = name.find(kFloorMark);
    if (mark == std::string::npos) {
      operations_[name] = ns;
      continue;
    }
    auto& floors = floors_[name.substr(0, mark)];
    const std::string floor = name.substr(mark + sizeof(kFloorMark) - 1);
    if (!floors.empty() && floors.back().first == floor) floors.pop_back();
    floors.emplace_back(floor, ns);
  }
}

void RatioReporter::Finalize() {
  printf("\n%-30s %10s   %-24s %10s %7s\n", "operation", "ns", "floor", "ns", "ratio");
  for (const auto& [operation, ns] : operations_) {
    const auto floors = floors_.find(operation);
    if (floors == floors_.end()) {
      printf("%-30s %10.2f\n", operation.c_str(), ns);
      continue;
    }
    for (const auto& [floor, floor_ns] : floors->second) {
      printf("%-30s %10.2f   %-24s %10.2f %7.2f\n", operation.c_str(), ns, floor.c_str(), floor_ns,
             ns / floor_ns);
    }
  }
}

}  // namespace rt
