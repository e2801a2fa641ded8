// The scenarios that stress one system of the runtime core each: their smoke
// presets, as in the first look at a change.

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "stressd/host/scenarios/scenario_testing.h"

namespace stressd::host {
namespace {

class SystemScenarioTest : public testing::TestWithParam<const char*> {};

TEST_P(SystemScenarioTest, SmokePassesWithEveryInvariantChecked) {
  const RunOutcome outcome = RunScenario(GetParam(), {{"check_every", "1"}}, 1);
  EXPECT_EQ(outcome.Complaints(), "");
  EXPECT_GT(outcome.operations, 0u);
}

TEST_P(SystemScenarioTest, ManyThreadsHoldTheBalance) {
  const RunOutcome outcome =
      RunScenario(GetParam(), {{"threads", "12"}, {"rounds", "4"}, {"check_every", "20"}}, 2);
  // So short a run need not reach everything.
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_TRUE(outcome.violations.empty()) << outcome.Complaints();
}

TEST_P(SystemScenarioTest, ARunThatIsStoppedAtOnceLeavesNothingBehind) {
  const std::atomic<bool> stop{true};
  const RunOutcome outcome = RunScenario(GetParam(), {}, 1, &stop);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_TRUE(outcome.violations.empty()) << outcome.Complaints();
  EXPECT_FALSE(outcome.unreached.empty());
}

INSTANTIATE_TEST_SUITE_P(Systems, SystemScenarioTest,
                         testing::Values("allocation-failure", "count-handover",
                                         "delayed-free-storm", "freelist-churn", "heap-abandon",
                                         "late-attach", "qsbr-stall", "reference-totals",
                                         "state-churn", "stop-the-world-storm", "type-churn"),
                         [](const testing::TestParamInfo<const char*>& info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(SystemScenariosTest, EachPathOfTheTotalsStandsAlone) {
  for (const char* path : {"owner", "foreign", "queue", "merge", "try", "resurrect", "exit"}) {
    const RunOutcome outcome =
        RunScenario("reference-totals", {{"path", path}, {"rounds", "2"}}, 3);
    EXPECT_EQ(outcome.Complaints(), "") << path;
    EXPECT_GT(outcome.measurements.at("sums_count"), 0) << path;
  }
}

// So that a walk that ends too early is seen.
TEST(SystemScenariosTest, EveryAllocationOfAnOperationFails) {
  const RunOutcome outcome = RunScenario("allocation-failure", {{"rounds", "1"}}, 1);
  EXPECT_EQ(outcome.Complaints(), "");
  const std::pair<const char*, int64_t> least_counts[] = {
      {"number", 2},   {"tuple", 3},   {"list", 6},         {"full_list", 3},   {"dict", 5},
      {"instance", 4}, {"garbage", 3}, {"thread_state", 4}, {"interpreter", 5}, {"runtime", 7},
  };
  for (const auto& [name, least] : least_counts) {
    EXPECT_GE(outcome.measurements.at(std::string(name) + "_faults_count"), least) << name;
  }
}

TEST(SystemScenariosTest, WhatWasNotReachedIsSaid) {
  const RunOutcome outcome = RunScenario("qsbr-stall", {{"stalls_per_million", "1"}}, 1);
  EXPECT_TRUE(outcome.violations.empty()) << outcome.Complaints();
  EXPECT_EQ(outcome.unreached, std::vector<std::string>{"no reader stalled"});
}

}  // namespace
}  // namespace stressd::host
