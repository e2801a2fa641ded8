#include <atomic>

#include "gtest/gtest.h"
#include "stressd/host/scenarios/scenario_testing.h"

namespace stressd::host {
namespace {

TEST(InterpreterChurnTest, SmokePassesWithNeighbouringSeeds) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const RunOutcome outcome = RunScenario("interpreter-churn", {{"rounds", "2"}}, seed);
    EXPECT_EQ(outcome.Complaints(), "") << "seed " << seed;
    EXPECT_GT(outcome.operations, 0u);
  }
}

TEST(InterpreterChurnTest, OneInterpreterForManyThreads) {
  EXPECT_EQ(RunScenario("interpreter-churn",
                        {{"threads", "8"},
                         {"interpreters", "1"},
                         {"rounds", "1"},
                         {"operations", "100"},
                         {"capacity", "1"},
                         {"destroy_per_mille", "400"}},
                        4)
                .Complaints(),
            "");
}

TEST(InterpreterChurnTest, ARunThatIsStoppedAtOnceLeavesNothingBehind) {
  const std::atomic<bool> stop{true};
  const RunOutcome outcome = RunScenario("interpreter-churn", {}, 1, &stop);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_TRUE(outcome.violations.empty()) << outcome.Complaints();
  EXPECT_EQ(outcome.unreached.size(), 1u);
}

}  // namespace
}  // namespace stressd::host
