#include "runtime/sync/parking_lot.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <thread>
#include <vector>

#include "runtime/base/atomic.h"
#include "runtime/base/clock.h"
#include "runtime/base/futex.h"

namespace rt {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

constexpr auto kAlways = [] { return true; };

void AwaitWaiters(const void* address, uint32_t count) {
  for (int turn = 0; ParkingLot::WaiterCountForTest(address) != count; ++turn) SpinBriefly(turn);
}

uintptr_t UnparkOneWith(const void* address, uintptr_t token) {
  bool found = false;
  ParkingLot::UnparkOne(address, [&](const ParkingLot::UnparkInfo& info) -> uintptr_t {
    found = info.has_waiter;
    return token;
  });
  return found;
}

TEST(ParkingLotTest, DoesNotSleepWhenThereIsNothingToWaitFor) {
  int key = 0;
  const auto parked = ParkingLot::Park(&key, kNoTimeout, [] { return false; });
  EXPECT_EQ(parked.result, ParkingLot::ParkResult::kInvalid);
  EXPECT_EQ(ParkingLot::WaiterCountForTest(&key), 0u);
}

TEST(ParkingLotTest, TimesOutAndLeavesTheQueue) {
  int key = 0;
  const int64_t begun_ns = MonotonicNanoseconds();
  const auto parked = ParkingLot::Park(&key, 10 * kNanosecondsPerMillisecond, kAlways);
  EXPECT_EQ(parked.result, ParkingLot::ParkResult::kTimedOut);
  EXPECT_GE(MonotonicNanoseconds() - begun_ns, 10 * kNanosecondsPerMillisecond);
  EXPECT_EQ(ParkingLot::WaiterCountForTest(&key), 0u);
  EXPECT_FALSE(UnparkOneWith(&key, 1));
}

TEST(ParkingLotTest, WaitersAreUnparkedInOrderWithTheirTokens) {
  int key = 0;
  std::vector<uintptr_t> tokens(4);
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < 4; ++i) {
    threads.emplace_back([&key, &tokens, i] {
      const auto parked = ParkingLot::Park(&key, kNoTimeout, kAlways);
      EXPECT_EQ(parked.result, ParkingLot::ParkResult::kUnparked);
      tokens[i] = parked.token;
    });
    AwaitWaiters(&key, i + 1);
  }
  for (uintptr_t token = 1; token <= 4; ++token) {
    ParkingLot::UnparkOne(&key, [&](const ParkingLot::UnparkInfo& info) -> uintptr_t {
      EXPECT_TRUE(info.has_waiter);
      EXPECT_EQ(info.has_more, token < 4);
      EXPECT_GE(info.waited_ns, 0);
      return token;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(tokens, (std::vector<uintptr_t>{1, 2, 3, 4}));
}

TEST(ParkingLotTest, UnparkAllWakesOneAddressOnly) {
  // Two addresses of one bucket: 257 bytes apart.
  char keys[258];
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] { (void)ParkingLot::Park(&keys[0], kNoTimeout, kAlways); });
  }
  std::thread other([&] { (void)ParkingLot::Park(&keys[257], kNoTimeout, kAlways); });
  AwaitWaiters(&keys[0], 3);
  AwaitWaiters(&keys[257], 1);
  EXPECT_EQ(ParkingLot::UnparkAll(&keys[0]), 3u);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ParkingLot::WaiterCountForTest(&keys[257]), 1u);
  EXPECT_TRUE(UnparkOneWith(&keys[257], 0));
  other.join();
}

TEST(ParkingLotTest, TimeoutBetweenUnparkAndWakeUpIsNoTimeout) {
  // The unparker has taken the waiter off the queue and dawdles until the
  // waiter's time is over; the waiter must still get the token.
  constexpr int64_t kTimeoutNs = 2 * kNanosecondsPerMillisecond;
  int key = 0;
  for (bool caught = false; !caught;) {
    ParkingLot::Parked parked;
    Atomic<bool> done(false);
    std::thread waiter([&] {
      parked = ParkingLot::Park(&key, kTimeoutNs, kAlways);
      done.store(true, std::memory_order_release);
    });
    while (!done.load(std::memory_order_acquire) && ParkingLot::WaiterCountForTest(&key) == 0) {
      std::this_thread::yield();
    }
    ParkingLot::UnparkOne(&key, [&](const ParkingLot::UnparkInfo& info) -> uintptr_t {
      caught = info.has_waiter;
      const int64_t end_ns = MonotonicNanoseconds() + 3 * kTimeoutNs;
      for (int turn = 0; caught && MonotonicNanoseconds() < end_ns; ++turn) SpinBriefly(turn);
      return 99;
    });
    waiter.join();
    if (!caught) continue;  // It was late: its time was over before.
    EXPECT_EQ(parked.result, ParkingLot::ParkResult::kUnparked);
    EXPECT_EQ(parked.token, 99u);
  }
}

TEST(ParkingLotTest, TimedOutWaiterConsumesTheWakeUpAlreadySent) {
  // Tokens are conserved: each one an unparker gave to a waiter is received by
  // it, though timeouts of a few microseconds race with every unpark. A waiter
  // that left on its timeout would lose its token, and the unparker would write
  // to a stack frame that is gone.
  constexpr int kWaiterCount = 3;
  int key = 0;
  Atomic<uint64_t> received(0);
  Atomic<uint64_t> timeouts(0);
  Atomic<bool> stop(false);
  std::vector<std::thread> waiters;
  for (int i = 0; i < kWaiterCount; ++i) {
    waiters.emplace_back([&, i] {
      int64_t timeout_ns = 1000 * (i + 1);
      while (!stop.load(std::memory_order_acquire)) {
        const auto parked = ParkingLot::Park(&key, timeout_ns, kAlways);
        if (parked.result == ParkingLot::ParkResult::kUnparked) {
          received.fetch_add(parked.token, kRelaxed);
        } else {
          timeouts.fetch_add(1, kRelaxed);
        }
        timeout_ns = timeout_ns % 50000 + 777;
      }
    });
  }
  uint64_t sent = 0;
  uint64_t sent_count = 0;
  for (uint64_t round = 1; sent_count < 2000 || timeouts.load(kRelaxed) < 200; ++round) {
    if (!UnparkOneWith(&key, round)) continue;
    sent += round;
    ++sent_count;
  }
  stop.store(true, std::memory_order_release);
  for (std::thread& thread : waiters) thread.join();
  EXPECT_EQ(received.load(kRelaxed), sent);
  EXPECT_EQ(ParkingLot::WaiterCountForTest(&key), 0u);
}

TEST(ParkingLotTest, ChildForgetsWaitersParentKeepsThem) {
  int key = 0;
  std::thread waiter([&key] { (void)ParkingLot::Park(&key, kNoTimeout, kAlways); });
  AwaitWaiters(&key, 1);
  ParkingLot::BeforeFork();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ParkingLot::AfterForkChild();
    if (ParkingLot::WaiterCountForTest(&key) != 0) _exit(1);
    std::thread own([&key] { (void)ParkingLot::Park(&key, kNoTimeout, kAlways); });
    AwaitWaiters(&key, 1);
    if (!UnparkOneWith(&key, 0)) _exit(2);
    own.join();
    _exit(0);
  }
  ParkingLot::AfterForkParent();
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_TRUE(UnparkOneWith(&key, 0));
  waiter.join();
}

}  // namespace
}  // namespace rt
