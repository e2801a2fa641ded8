#include "runtime/base/check.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "runtime/base/config.h"

namespace rt {
namespace {

TEST(CheckTest, TrueConditionCostsNothingVisible) {
  int evaluated = 0;
  RT_CHECK(++evaluated == 1, "TEST-I1", "evaluated once");
  EXPECT_EQ(evaluated, 1);
}

TEST(CheckDeathTest, FailureNamesInvariantPlaceMessageAndCondition) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(RT_CHECK(1 + 1 == 3, "TEST-I2", "sum is %d", 1 + 1),
               "RT_CHECK failed: TEST-I2 at .*check_test.cc:[0-9]+: sum is 2 \\[1 \\+ 1 == 3\\]");
}

TEST(CheckDeathTest, OverlongMessageIsCutNotOverrun) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(RT_CHECK(false, "TEST-I3", "%2000d", 1), "RT_CHECK failed: TEST-I3");
}

TEST(CheckDeathTest, DebugCheckFollowsTheSwitch) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
#if RT_CHECKS
  EXPECT_DEATH(RT_DCHECK(false, "TEST-I4", "debug check"), "TEST-I4");
#else
  RT_DCHECK(false, "TEST-I4", "debug check");
#endif
}

void ExitFromHandler(const char* invariant, const char* /*file*/, int line, const char* text) {
  if (line > 0 && text[0] == 'm' && invariant[5] == 'I') _exit(42);
}

TEST(CheckDeathTest, InstalledHandlerIsToldFirst) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        SetCheckFailureHandler(&ExitFromHandler);
        RT_CHECK(false, "TEST-I5", "message");
      },
      testing::ExitedWithCode(42), "");
}

void ReturnFromHandler(const char*, const char*, int, const char*) {}

TEST(CheckDeathTest, HandlerThatReturnsDoesNotSaveTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        SetCheckFailureHandler(&ReturnFromHandler);
        RT_CHECK(false, "TEST-I6", "message");
      },
      testing::KilledBySignal(SIGABRT), "");
}

TEST(CheckTest, InstallingReturnsTheHandlerBefore) {
  const CheckFailureHandler original = SetCheckFailureHandler(&ReturnFromHandler);
  EXPECT_EQ(SetCheckFailureHandler(nullptr), &ReturnFromHandler);
  EXPECT_EQ(SetCheckFailureHandler(original), original);
}

}  // namespace
}  // namespace rt
