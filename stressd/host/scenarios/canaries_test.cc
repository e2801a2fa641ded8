// The canaries that leave their process alive. Those that end it are run as
// processes of their own, with the verdict a host gives them.

#include <signal.h>
#include <unistd.h>

#include "gtest/gtest.h"
#include "runtime/base/config.h"
#include "runtime/base/sanitizer.h"
#include "stressd/host/scenarios/scenario_testing.h"

#if RT_ASAN
#include <sanitizer/lsan_interface.h>
#endif

namespace stressd::host {
namespace {

TEST(EmptyTest, EveryDifferenceIsExactlyZero) {
  EXPECT_EQ(RunScenario("empty", {}, 1).Complaints(), "");
}

TEST(CanaryLeakTest, ReferencesBlocksAndCountersObject) {
#if RT_ASAN
  // The report of LeakSanitizer is the business of LeakIsReported below.
  __lsan_disable();
#endif
  const RunOutcome outcome = RunScenario("canary-leak", {{"references", "3"}}, 1);
#if RT_ASAN
  __lsan_enable();
#endif
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_TRUE(outcome.Violated("reference-total"));
  EXPECT_TRUE(outcome.Violated("heap-balance"));
  EXPECT_TRUE(outcome.Violated("counter-conservation"));
}

#if RT_ASAN
TEST(CanaryLeakDeathTest, LeakIsReportedByLeakSanitizer) {
  EXPECT_EXIT(
      {
        (void)RunScenario("canary-leak", {}, 1);
        _exit(__lsan_do_recoverable_leak_check() != 0 ? 23 : 0);
      },
      testing::ExitedWithCode(23), "LeakSanitizer");
}
#endif

TEST(CanaryDriftTest, OnlyTheReferenceTotalObjects) {
  const RunOutcome outcome = RunScenario("canary-drift", {{"rounds", "5"}}, 1);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_TRUE(outcome.Violated("reference-total"));
  EXPECT_FALSE(outcome.Violated("heap-balance")) << outcome.Complaints();
  EXPECT_FALSE(outcome.Violated("counter-conservation")) << outcome.Complaints();
}

TEST(CanaryRaceDeathTest, OnlyThreadSanitizerSeesIt) {
#if RT_TSAN
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH((void)RunScenario("canary-race", {}, 1), "ThreadSanitizer: data race");
#else
  EXPECT_EQ(RunScenario("canary-race", {}, 1).Complaints(), "");
#endif
}

TEST(CanaryUseAfterFreeDeathTest, PoisonStopsTheProcess) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH((void)RunScenario("canary-use-after-free", {}, 1),
               RT_ASAN ? "AddressSanitizer: use-after-poison" : "INV-ALIVE");
}

TEST(CanaryCrashDeathTest, TheProcessDiesBySignal) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  if (RT_ASAN || RT_TSAN) {
    // A test keeps the sanitizers' own handlers; a host turns them off.
    EXPECT_DEATH((void)RunScenario("canary-crash", {}, 1), "SEGV");
    return;
  }
  EXPECT_EXIT((void)RunScenario("canary-crash", {}, 1), testing::KilledBySignal(SIGSEGV), "");
}

}  // namespace
}  // namespace stressd::host
