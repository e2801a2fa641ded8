#include <atomic>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "stressd/host/scenarios/scenario_testing.h"

namespace stressd::host {
namespace {

TEST(CollectStormTest, SmokePassesWithNeighbouringSeeds) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const RunOutcome outcome = RunScenario("collect-storm", {}, seed);
    EXPECT_EQ(outcome.Complaints(), "") << "seed " << seed;
    EXPECT_GT(outcome.operations, 0u);
  }
}

TEST(CollectStormTest, ManyThreadsAndManySavedHoldTheBalance) {
  EXPECT_EQ(RunScenario("collect-storm",
                        {{"threads", "12"},
                         {"rounds", "6"},
                         {"rings", "60"},
                         {"save_per_mille", "600"},
                         {"shared_per_mille", "800"},
                         {"life_per_mille", "100"}},
                        4)
                .Complaints(),
            "");
}

TEST(CollectStormTest, ARunThatIsStoppedAtOnceLeavesNothingBehind) {
  const std::atomic<bool> stop{true};
  const RunOutcome outcome = RunScenario("collect-storm", {}, 1, &stop);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_TRUE(outcome.violations.empty()) << outcome.Complaints();
  EXPECT_EQ(outcome.unreached.size(), 2u);
}

TEST(CollectStormTest, ADurationDecidesHowLongItWorks) {
  EXPECT_EQ(DurationComplaints("collect-storm"), "");
}

}  // namespace
}  // namespace stressd::host
