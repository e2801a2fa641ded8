// The runtime's mutex: one byte, fair after a while.
//
// Model.
//   bit 0  LOCKED      somebody owns the mutex
//   bit 1  HAS_PARKED  somebody may be waiting in the parking lot
// Locking spins briefly, then parks. Unlocking normally frees the mutex and
// wakes the longest waiter, which competes again; when that one has waited for
// kFairnessNs it is handed the mutex, which stays LOCKED all the time.
// Invariants.  I1: HAS_PARKED is set while a waiter is in the queue. I2: only
// the owner unlocks. Not recursive.
// Thread safety.  Any thread, attached or not.
// Lock order.  Each user's own, see runtime/LOCK_ORDER.md. No runtime mutex is
// held at a safe point, and nobody waits for one while detached: so a suspended
// thread never owns one, not even through a hand-over it has not noticed.
// Fork.  Who guards data with a mutex locks it before the fork and unlocks it in
// the parent; the child calls AfterForkChild(): unlocked, no waiters.
// Source.  CPython Python/lock.c; WebKit WTF::Lock.
#ifndef RUNTIME_SYNC_MUTEX_H_
#define RUNTIME_SYNC_MUTEX_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "runtime/base/atomic.h"
#include "runtime/base/clock.h"
#include "runtime/base/futex.h"

namespace rt {

class ABSL_LOCKABLE Mutex {
 public:
  // 1 ms: long against a critical section, short against a time slice, so that
  // hand-overs (a switch of threads each) stay rare.
  static constexpr int64_t kFairnessNs = kNanosecondsPerMillisecond;
  // 40 turns: about the time a leaf critical section of the runtime takes.
  static constexpr int kSpinTurns = 40;

  constexpr Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  // Waits without limit.
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    if (!TryLockFast()) (void)LockSlow(kNoTimeout);
  }

  // Returns false when somebody owns the mutex.
  [[nodiscard]] bool TryLock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true);

  // Waits for at most `timeout_ns`; returns whether it got the mutex.
  [[nodiscard]] bool LockFor(int64_t timeout_ns) ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    return TryLockFast() || LockSlow(timeout_ns);
  }

  void Unlock() ABSL_UNLOCK_FUNCTION() {
    uint8_t expected = kLocked;
    // (M2) release on success, synchronizes with (M1) and (M3): the next
    //      owner sees what we wrote.
    if (!bits_.compare_exchange_strong(expected, kUnlocked, std::memory_order_release,
                                       std::memory_order_relaxed)) {
      UnlockSlow();
    }
  }

  // Whether anybody owns the mutex, at this moment: for checks.
  bool IsLocked() const {
    // relaxed: the answer may be old as soon as it is given.
    return (bits_.load(std::memory_order_relaxed) & kLocked) != 0;
  }

  // Tells the thread safety analysis and, with RT_CHECKS, the reader.
  void AssertHeld() const ABSL_ASSERT_EXCLUSIVE_LOCK();

  // Unlocks the mutex and forgets its waiters, which do not exist any more. In
  // the child of a fork only, after ParkingLot::AfterForkChild().
  void AfterForkChild() ABSL_UNLOCK_FUNCTION() {
    // relaxed: no other thread exists.
    bits_.store(kUnlocked, std::memory_order_relaxed);
  }

 private:
  static constexpr uint8_t kUnlocked = 0;
  static constexpr uint8_t kLocked = 1;
  static constexpr uint8_t kHasParked = 2;

  bool TryLockFast() {
    uint8_t expected = kUnlocked;
    // (M1) acquire on success, synchronizes with the release in Unlock() (M2)
    //      and UnlockSlow() (M5): we see what the last owner wrote.
    return bits_.compare_exchange_strong(expected, kLocked, std::memory_order_acquire,
                                         std::memory_order_relaxed);
  }
  // Returns whether it got the mutex.
  bool LockSlow(int64_t timeout_ns);
  void UnlockSlow();

  Atomic<uint8_t> bits_;
};
static_assert(sizeof(Mutex) == 1, "part of the object header");

// Holds a mutex from its construction to its end.
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_.Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace rt

#endif  // RUNTIME_SYNC_MUTEX_H_
