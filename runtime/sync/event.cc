#include "runtime/sync/event.h"

#include <atomic>

#include "runtime/base/clock.h"

namespace rt {

void Event::Set() {
  const Atomic<uint32_t>* const word = &word_;
  // (E4) acq_rel exchange, synchronizes with the acquire accesses (E1), (E2)
  //      and (E3): who sees the event set sees what happened before.
  if (word_.exchange(kSet, std::memory_order_acq_rel) == kHasSleeper) {
    FutexWake(word, -1);
  }
}

bool Event::WaitFor(int64_t timeout_ns) {
  if (IsSet()) return true;
  int64_t deadline_ns = -1;
  if (timeout_ns >= 0 && __builtin_add_overflow(MonotonicNanoseconds(), timeout_ns, &deadline_ns)) {
    deadline_ns = -1;
  }
  for (;;) {
    uint32_t seen = kNotSet;
    // (E2) acquire on both outcomes, synchronizes with the release exchange (E4)
    //      in Set(): we see what happened before.
    if (!word_.compare_exchange_strong(seen, kHasSleeper, std::memory_order_acquire,
                                       std::memory_order_acquire) &&
        seen == kSet) {
      return true;
    }
    int64_t left_ns = kNoTimeout;
    if (deadline_ns >= 0) {
      left_ns = deadline_ns - MonotonicNanoseconds();
      if (left_ns <= 0) return false;
    }
    (void)FutexWait(word_, kHasSleeper, left_ns);
    // (E3) acquire load, synchronizes with the release exchange (E4) in Set():
    //      we see what happened before.
    if (word_.load(std::memory_order_acquire) == kSet) return true;
  }
}

}  // namespace rt
