#include "runtime/base/futex.h"

#include <errno.h>
#include <gtest/gtest.h>

#include <thread>

#include "runtime/base/atomic.h"
#include "runtime/base/clock.h"

namespace rt {
namespace {

TEST(FutexTest, ReturnsAtOnceWhenTheWordDiffers) {
  Atomic<uint32_t> word(1);
  EXPECT_EQ(FutexWait(word, 0, kNoTimeout), FutexResult::kWoken);
}

TEST(FutexTest, TimesOutNotBeforeItsTime) {
  Atomic<uint32_t> word(0);
  const int64_t begun_ns = MonotonicNanoseconds();
  // A spurious wake-up is allowed; the loop of a caller is what we test with.
  while (FutexWait(word, 0, 20 * kNanosecondsPerMillisecond) != FutexResult::kTimedOut) {
  }
  EXPECT_GE(MonotonicNanoseconds() - begun_ns, 20 * kNanosecondsPerMillisecond);
}

TEST(FutexTest, ZeroTimeoutOnlyLooks) {
  Atomic<uint32_t> word(0);
  EXPECT_EQ(FutexWait(word, 0, 0), FutexResult::kTimedOut);
}

TEST(FutexTest, KeepsErrno) {
  Atomic<uint32_t> word(1);
  errno = EDOM;
  (void)FutexWait(word, 0, kNoTimeout);
  FutexWake(&word, 1);
  EXPECT_EQ(errno, EDOM);
}

TEST(FutexTest, WakingAWordThatIsGoneIsHarmless) {
  auto* const word = new Atomic<uint32_t>(0);
  const Atomic<uint32_t>* const address = word;
  delete word;
  FutexWake(address, -1);
  FutexWake(nullptr, 1);
}

TEST(FutexTest, PingPong) {
  // Two threads pass a turn back and forth; a lost wake-up hangs the test.
  constexpr uint32_t kRoundCount = 2000;
  Atomic<uint32_t> turn(0);
  const auto play = [&turn](uint32_t parity) {
    for (;;) {
      const uint32_t now = turn.load(std::memory_order_acquire);
      if (now >= kRoundCount) return;
      if ((now & 1) != parity) {
        (void)FutexWait(turn, now, kNoTimeout);
        continue;
      }
      turn.store(now + 1, std::memory_order_release);
      FutexWake(&turn, 1);
    }
  };
  std::thread other(play, 1);
  play(0);
  other.join();
  EXPECT_EQ(turn.load(std::memory_order_relaxed), kRoundCount);
}

}  // namespace
}  // namespace rt
