#include "runtime/sync/mutex.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/futex.h"
#include "runtime/base/slow_path_point.h"
#include "runtime/sync/parking_lot.h"

namespace rt {
namespace {

void AwaitWaiters(const Mutex& mutex, uint32_t count) {
  for (int turn = 0; ParkingLot::WaiterCountForTest(&mutex) != count; ++turn) SpinBriefly(turn);
}

// The thread safety analysis does not follow a mutex from thread to thread.
void Take(Mutex& mutex) ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex.Lock(); }
bool TryToTake(Mutex& mutex) ABSL_NO_THREAD_SAFETY_ANALYSIS { return mutex.TryLock(); }
void GiveBack(Mutex& mutex) ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex.Unlock(); }
void Repair(Mutex& mutex) ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex.AfterForkChild(); }

// Waits without releasing the processor to anything but other threads.
void LetTimePass(int64_t duration_ns) {
  const int64_t end_ns = MonotonicNanoseconds() + duration_ns;
  for (int turn = 0; MonotonicNanoseconds() < end_ns; ++turn) SpinBriefly(turn);
}

TEST(MutexTest, OwnerExcludesOthers) {
  // ThreadSanitizer judges too: `sum` is a plain word.
  constexpr int kThreadCount = 4;
  constexpr int kRoundCount = 5000;
  Mutex mutex;
  int64_t sum = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreadCount; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRoundCount; ++round) {
        MutexLock lock(mutex);
        ++sum;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sum, kThreadCount * kRoundCount);
  EXPECT_FALSE(mutex.IsLocked());
  EXPECT_EQ(ParkingLot::WaiterCountForTest(&mutex), 0u);
}

TEST(MutexTest, TryLockFailsOnlyWhileLocked) {
  Mutex mutex;
  ASSERT_TRUE(TryToTake(mutex));
  std::thread([&mutex] {
    if (TryToTake(mutex)) ADD_FAILURE() << "two owners";
  }).join();
  GiveBack(mutex);
  ASSERT_TRUE(TryToTake(mutex));
  GiveBack(mutex);
}

TEST(MutexTest, LongWaiterIsHandedTheMutex) {
  // The owner waits until somebody is parked for longer than the fairness time,
  // unlocks and at once tries again: the mutex has never been free.
  Mutex mutex;
  Take(mutex);
  std::thread waiter([&mutex] {
    Take(mutex);
    // Keep it until the former owner is parked behind us.
    AwaitWaiters(mutex, 1);
    GiveBack(mutex);
  });
  AwaitWaiters(mutex, 1);
  LetTimePass(2 * Mutex::kFairnessNs);
  GiveBack(mutex);
  if (TryToTake(mutex)) {
    ADD_FAILURE() << "the mutex was free for an instant";
    GiveBack(mutex);
  }
  Take(mutex);
  GiveBack(mutex);
  waiter.join();
}

TEST(MutexTest, SlowPathHandsTheMutexOverAtOnce) {
  Mutex mutex;
  Take(mutex);
  std::thread waiter([&mutex] {
    Take(mutex);
    AwaitWaiters(mutex, 1);
    GiveBack(mutex);
  });
  AwaitWaiters(mutex, 1);
  (void)SetSlowPathHook([](const char* name) { return strcmp(name, "sync.hand_over") == 0; });
  GiveBack(mutex);
  (void)SetSlowPathHook(nullptr);
  if (TryToTake(mutex)) {
    ADD_FAILURE() << "the mutex was free for an instant";
    GiveBack(mutex);
  }
  Take(mutex);
  GiveBack(mutex);
  waiter.join();
}

TEST(MutexTest, LockForGivesUpAfterItsTime) {
  Mutex mutex;
  Take(mutex);
  std::thread([&mutex] {
    const int64_t begun_ns = MonotonicNanoseconds();
    if (mutex.LockFor(5 * kNanosecondsPerMillisecond)) {
      ADD_FAILURE() << "two owners";
      mutex.Unlock();
    }
    EXPECT_GE(MonotonicNanoseconds() - begun_ns, 5 * kNanosecondsPerMillisecond);
  }).join();
  GiveBack(mutex);
  // The waiter that left is not handed anything.
  EXPECT_FALSE(mutex.IsLocked());
  if (mutex.LockFor(0)) {
    mutex.Unlock();
  } else {
    ADD_FAILURE() << "nobody owns the mutex";
  }
}

TEST(MutexTest, MutexIsNotLostBetweenTimeoutsAndHandOvers) {
  // Waiters whose time ends about when they are handed the mutex: one that left
  // owning it would hang the rest, one that took it twice would break the sum.
  constexpr int kThreadCount = 4;
  Mutex mutex;
  int64_t sum = 0;
  int64_t taken[kThreadCount] = {};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreadCount; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 300; ++round) {
        if (!mutex.LockFor(Mutex::kFairnessNs + round * 1000)) continue;
        ++sum;
        ++taken[i];
        if (round % 16 == 0) LetTimePass(Mutex::kFairnessNs);
        mutex.Unlock();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  int64_t all = 0;
  for (const int64_t count : taken) all += count;
  EXPECT_EQ(sum, all);
  EXPECT_FALSE(mutex.IsLocked());
}

TEST(MutexTest, MayBeDestroyedByTheNextOwner) {
  // The unlocking thread must not touch the mutex after it is free:
  // AddressSanitizer is the judge.
  for (int round = 0; round < 500; ++round) {
    auto mutex = std::make_unique<Mutex>();
    Take(*mutex);
    std::thread other([raw = mutex.get()] { GiveBack(*raw); });
    Take(*mutex);
    GiveBack(*mutex);
    mutex.reset();
    other.join();
  }
}

void UnlockUnlocked() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  Mutex mutex;
  mutex.Unlock();
}

TEST(MutexDeathTest, UnlockingAFreeMutexDies) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(UnlockUnlocked(), "MUTEX-I2");
}

TEST(MutexTest, ChildUnlocksWhatAVanishedThreadOwned) {
  // The owner and a waiter do not exist in the child.
  static Mutex mutex;
  static Mutex handshake;
  Take(handshake);
  std::thread owner([] {
    Take(mutex);
    Take(handshake);
    GiveBack(handshake);
    GiveBack(mutex);
  });
  AwaitWaiters(handshake, 1);
  std::thread waiter([] {
    Take(mutex);
    GiveBack(mutex);
  });
  AwaitWaiters(mutex, 1);
  ParkingLot::BeforeFork();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ParkingLot::AfterForkChild();
    if (!mutex.IsLocked()) _exit(1);
    Repair(mutex);
    std::thread own([] {
      Take(mutex);
      GiveBack(mutex);
    });
    own.join();
    _exit(mutex.IsLocked() ? 2 : 0);
  }
  ParkingLot::AfterForkParent();
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  GiveBack(handshake);
  owner.join();
  waiter.join();
}

}  // namespace
}  // namespace rt
