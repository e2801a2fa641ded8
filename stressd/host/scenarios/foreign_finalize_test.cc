#include <atomic>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "stressd/host/scenarios/scenario_testing.h"

namespace stressd::host {
namespace {

TEST(ForeignFinalizeTest, SmokePassesWithNeighbouringSeeds) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    const RunOutcome outcome = RunScenario("foreign-finalize", {}, seed);
    EXPECT_EQ(outcome.Complaints(), "") << "seed " << seed;
    EXPECT_GT(outcome.operations, 0u);
  }
}

TEST(ForeignFinalizeTest, EveryStrikeHoldsTheBalance) {
  for (const char* strike : {"clear", "inside", "elsewhere", "nowhere", "runtime"}) {
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      EXPECT_EQ(RunScenario("foreign-finalize", {{"strike", strike}, {"rounds", "24"}}, seed)
                    .Complaints(),
                "")
          << strike << ", seed " << seed;
    }
  }
}

TEST(ForeignFinalizeTest, ARunThatIsStoppedAtOnceLeavesNothingBehind) {
  const std::atomic<bool> stop{true};
  const RunOutcome outcome = RunScenario("foreign-finalize", {}, 1, &stop);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_TRUE(outcome.violations.empty()) << outcome.Complaints();
  EXPECT_EQ(outcome.unreached.size(), 1u);
}

TEST(ForeignFinalizeTest, ADurationDecidesHowLongItWorks) {
  EXPECT_EQ(DurationComplaints("foreign-finalize"), "");
}

}  // namespace
}  // namespace stressd::host
