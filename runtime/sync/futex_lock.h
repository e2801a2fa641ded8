// The smallest lock: one word, for a few instructions under the parking lot.
//
// Model.  0 free, 1 locked, 2 locked and somebody may sleep. It cannot use the
// parking lot, because the parking lot's buckets are guarded by it; everything
// else in the runtime uses Mutex.
// Thread safety.  Any thread.  Lock order.  A leaf.
// Fork.  BeforeFork() of its user takes it; AfterForkChild() frees it.
#ifndef RUNTIME_SYNC_FUTEX_LOCK_H_
#define RUNTIME_SYNC_FUTEX_LOCK_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "runtime/base/atomic.h"

namespace rt {

class ABSL_LOCKABLE FutexLock {
 public:
  constexpr FutexLock() = default;
  FutexLock(const FutexLock&) = delete;
  FutexLock& operator=(const FutexLock&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    uint32_t expected = kFree;
    // (L1) acquire on success, synchronizes with the release exchange (L3) in
    //      Unlock(): we see what the last holder wrote.
    if (!word_.compare_exchange_strong(expected, kLocked, std::memory_order_acquire,
                                       std::memory_order_relaxed)) {
      LockSlow();
    }
  }

  void Unlock() ABSL_UNLOCK_FUNCTION() {
    // (L3) release exchange, synchronizes with (L1) in Lock() and (L2) in
    //      LockSlow(): the next holder sees what we wrote.
    if (word_.exchange(kFree, std::memory_order_release) == kContended) {
      WakeOne();
    }
  }

  // Makes the lock free whatever it was. In the child of a fork only.
  void AfterForkChild() ABSL_UNLOCK_FUNCTION() {
    // relaxed: no other thread exists.
    word_.store(kFree, std::memory_order_relaxed);
  }

 private:
  static constexpr uint32_t kFree = 0;
  static constexpr uint32_t kLocked = 1;
  static constexpr uint32_t kContended = 2;

  void LockSlow();
  void WakeOne();

  Atomic<uint32_t> word_;
};

class ABSL_SCOPED_LOCKABLE FutexLockHolder {
 public:
  explicit FutexLockHolder(FutexLock& lock) ABSL_EXCLUSIVE_LOCK_FUNCTION(lock) : lock_(lock) {
    lock_.Lock();
  }
  ~FutexLockHolder() ABSL_UNLOCK_FUNCTION() { lock_.Unlock(); }
  FutexLockHolder(const FutexLockHolder&) = delete;
  FutexLockHolder& operator=(const FutexLockHolder&) = delete;

 private:
  FutexLock& lock_;
};

}  // namespace rt

#endif  // RUNTIME_SYNC_FUTEX_LOCK_H_
