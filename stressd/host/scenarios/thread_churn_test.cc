#include <atomic>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "stressd/host/scenarios/scenario_testing.h"

namespace stressd::host {
namespace {

TEST(ThreadChurnTest, SmokePassesWithNeighbouringSeeds) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    const RunOutcome outcome = RunScenario("thread-churn", {}, seed);
    EXPECT_EQ(outcome.Complaints(), "") << "seed " << seed;
    EXPECT_GT(outcome.operations, 0u);
  }
}

TEST(ThreadChurnTest, OneThreadAloneHoldsTheBalance) {
  EXPECT_EQ(RunScenario("thread-churn", {{"threads", "1"}}, 3).Complaints(), "");
}

TEST(ThreadChurnTest, ManyThreadsOnFewListsHoldTheBalance) {
  EXPECT_EQ(RunScenario("thread-churn",
                        {{"threads", "16"},
                         {"rounds", "24"},
                         {"operations", "300"},
                         {"shared_lists", "1"},
                         {"stop_per_mille", "20"},
                         {"detach_per_mille", "100"}},
                        4)
                .Complaints(),
            "");
}

TEST(ThreadChurnTest, ARunThatIsStoppedAtOnceLeavesNothingBehind) {
  const std::atomic<bool> stop{true};
  const RunOutcome outcome = RunScenario("thread-churn", {}, 1, &stop);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_TRUE(outcome.violations.empty()) << outcome.Complaints();
  EXPECT_EQ(outcome.unreached.size(), 1u);
}

TEST(ThreadChurnTest, ADurationDecidesHowLongItWorks) {
  EXPECT_EQ(DurationComplaints("thread-churn"), "");
}

}  // namespace
}  // namespace stressd::host
