// Each sanitizer must see what we tell it: the deaths are in the flavor meant
// to see them, the silence is in the others.
#include "runtime/base/sanitizer.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>

#include "runtime/base/raw_memory.h"

namespace rt {
namespace {

TEST(SanitizerTest, SwitchesMatchTheFlavor) {
  const char* const flavor = std::getenv("STRESSD_FLAVOR");
  if (flavor == nullptr) GTEST_SKIP() << "not started by Bazel";
  EXPECT_EQ(kAddressSanitizer, std::string_view(flavor) == "asan");
  EXPECT_EQ(kThreadSanitizer, std::string_view(flavor) == "tsan");
}

TEST(SanitizerDeathTest, PoisonedMemoryIsReportedUntilUnpoisoned) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  volatile char* const memory = static_cast<volatile char*>(RawAllocate(64, 8));
  PoisonMemory(memory, 64);
  EXPECT_EQ(IsPoisoned(memory + 8), kAddressSanitizer);
  if (kAddressSanitizer) EXPECT_DEATH(memory[8] = 1, "use-after-poison");
  UnpoisonMemory(memory, 64);
  EXPECT_FALSE(IsPoisoned(memory + 8));
  memory[8] = 1;
  RawFree(const_cast<char*>(memory));
}

void RaceAgainstTheMark() {
  alignas(8) static char memory[64];
  std::thread marker([] { MarkMemoryAsWritten(memory, sizeof(memory)); });
  const volatile char* const word = memory;
  (void)word[8];
  marker.join();
  std::_Exit(0);
}

TEST(SanitizerDeathTest, MarkedMemoryRacesWithUnorderedReaders) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  if (kThreadSanitizer) {
    EXPECT_DEATH(RaceAgainstTheMark(), "data race");
  } else {
    EXPECT_EXIT(RaceAgainstTheMark(), testing::ExitedWithCode(0), "");
  }
}

}  // namespace
}  // namespace rt
