// The scenario `mixed`: its preset, its rare operations, and that it ends well
// whenever it is stopped.

#include <atomic>
#include <string>

#include "gtest/gtest.h"
#include "stressd/host/scenarios/scenario_testing.h"

namespace stressd::host {
namespace {

TEST(MixedTest, SmokePasses) {
  const RunOutcome outcome = RunScenario("mixed", {}, 1);
  EXPECT_EQ(outcome.Complaints(), "");
  EXPECT_GT(outcome.operations, 0u);
  EXPECT_GT(outcome.measurements.at("closings_count"), 0);
}

TEST(MixedTest, EveryRoundForksAndHoldsTheBalanceInItsChild) {
  const RunOutcome outcome =
      RunScenario("mixed", {{"rounds", "3"}, {"fork_percent", "100"}, {"fault_percent", "0"}}, 2);
  EXPECT_EQ(outcome.Complaints(), "");
  EXPECT_GT(outcome.measurements.at("forks_count"), 0);
}

TEST(MixedTest, AllocationsThatFailLeaveNothingBehind) {
  const RunOutcome outcome = RunScenario(
      "mixed", {{"rounds", "6"}, {"fault_percent", "100"}, {"faults_per_million", "20000"}}, 3);
  EXPECT_EQ(outcome.Complaints(), "");
  EXPECT_GT(outcome.measurements.at("faults_count"), 0);
}

TEST(MixedTest, ARunThatIsStoppedAtOnceLeavesNothingBehind) {
  const std::atomic<bool> stop{true};
  const RunOutcome outcome = RunScenario("mixed", {}, 1, &stop);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_TRUE(outcome.violations.empty()) << outcome.Complaints();
  EXPECT_FALSE(outcome.unreached.empty());
}

}  // namespace
}  // namespace stressd::host
