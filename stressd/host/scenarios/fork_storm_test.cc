#include <atomic>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "stressd/host/scenarios/scenario_testing.h"

namespace stressd::host {
namespace {

TEST(ForkStormTest, SmokePassesWithNeighbouringSeeds) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    const RunOutcome outcome = RunScenario("fork-storm", {}, seed);
    EXPECT_EQ(outcome.Complaints(), "") << "seed " << seed;
    EXPECT_GT(outcome.operations, 0u);
  }
}

// In every flavor, however small its share of the load.
TEST(ForkStormTest, SmokeForksAtLeastFourTimes) {
  EXPECT_GE(RunScenario("fork-storm", {}, 1).measurements.at("forks_count"), 4);
}

TEST(ForkStormTest, ConcurrentForkersHoldTheBalance) {
  EXPECT_EQ(RunScenario("fork-storm", {{"forkers", "3"}, {"child_threads", "3"}}, 7).Complaints(),
            "");
}

TEST(ForkStormTest, AForkingThreadAloneHoldsTheBalance) {
  EXPECT_EQ(RunScenario("fork-storm", {{"threads", "0"}, {"child_threads", "0"}}, 8).Complaints(),
            "");
}

// A deadline that no child can keep on any machine: with patience a second for 10^9 operations.
// Each one is killed, reaped and reported.
TEST(ForkStormTest, AHangingChildIsAViolation) {
  const RunOutcome outcome = RunScenario(
      "fork-storm",
      {{"forks", "1"}, {"child_operations", "1000000000"}, {"child_deadline", "100ms"}}, 9);
  EXPECT_TRUE(outcome.Violated("fork-child")) << outcome.Complaints();
  EXPECT_FALSE(outcome.Violated("child-processes")) << outcome.Complaints();
}

TEST(ForkStormTest, ARunThatIsStoppedAtOnceLeavesNothingBehind) {
  const std::atomic<bool> stop{true};
  const RunOutcome outcome = RunScenario("fork-storm", {}, 1, &stop);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_TRUE(outcome.violations.empty()) << outcome.Complaints();
  EXPECT_EQ(outcome.unreached.size(), 1u);
}

TEST(ForkStormTest, ADurationDecidesHowLongItWorks) {
  EXPECT_EQ(DurationComplaints("fork-storm"), "");
}

}  // namespace
}  // namespace stressd::host
