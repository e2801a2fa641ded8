#include "runtime/sync/futex_lock.h"

#include "runtime/base/futex.h"

namespace rt {

void FutexLock::LockSlow() {
  // (L2) acquire exchange, synchronizes with the release exchange (L3) in
  //      Unlock(): we see what the last holder wrote. Taking the lock as
  //      contended costs one needless wake-up and keeps other sleepers safe.
  while (word_.exchange(kContended, std::memory_order_acquire) != kFree) {
    (void)FutexWait(word_, kContended, kNoTimeout);
  }
}

void FutexLock::WakeOne() { FutexWake(&word_, 1); }

}  // namespace rt
