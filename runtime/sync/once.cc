#include "runtime/sync/once.h"

#include <atomic>

#include "runtime/base/futex.h"

namespace rt {

bool Once::Begin() {
  for (;;) {
    uint32_t seen = kNotDone;
    // (O2) acquire on both outcomes, synchronizes with the release exchange
    //      (O4) in End(): we see what the work did, or a failed try left.
    if (word_.compare_exchange_strong(seen, kRunning, std::memory_order_acquire,
                                      std::memory_order_acquire)) {
      return true;
    }
    if (seen == kDone) return false;
    // relaxed: orders nothing; the loop reads the word again after the sleep.
    if (seen == kRunning &&
        !word_.compare_exchange_strong(seen, kHasSleeper, std::memory_order_relaxed,
                                       std::memory_order_relaxed)) {
      continue;
    }
    (void)FutexWait(word_, kHasSleeper, kNoTimeout);
  }
}

void Once::End(bool succeeded) {
  const Atomic<uint32_t>* const word = &word_;
  // (O4) release exchange, synchronizes with the acquire accesses (O1) and (O2):
  //      who sees the work done sees what it did.
  const uint32_t before = word_.exchange(succeeded ? kDone : kNotDone, std::memory_order_release);
  if (before == kHasSleeper) FutexWake(word, -1);
}

}  // namespace rt
