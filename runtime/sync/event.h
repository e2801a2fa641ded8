// An event: threads wait until one thread says that something has happened.
//
// Model.  A futex word: 0 not set, 1 not set and somebody may sleep, 2 set.
// Once set it stays set until Reset().
// Invariants.  I1: what happened before Set() is visible after a Wait() that
// returned true. A waiter may destroy the event as soon as Wait() has returned:
// Set() does not access the word after it is set.
// Thread safety.  Any thread. Reset(): when nobody waits and no Set() that is
// not ordered before it can arrive.
// Fork.  AfterForkChild() forgets sleepers and keeps the state.
#ifndef RUNTIME_SYNC_EVENT_H_
#define RUNTIME_SYNC_EVENT_H_

#include <cstdint>

#include "runtime/base/atomic.h"
#include "runtime/base/futex.h"

namespace rt {

class Event {
 public:
  constexpr Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void Set();

  bool IsSet() const {
    // (E1) acquire load, synchronizes with the release exchange (E4) in Set():
    //      we see what happened before.
    return word_.load(std::memory_order_acquire) == kSet;
  }

  // Waits until the event is set.
  void Wait() { (void)WaitFor(kNoTimeout); }

  // Waits for at most `timeout_ns`; returns whether the event is set.
  [[nodiscard]] bool WaitFor(int64_t timeout_ns);

  // Makes the event not set.
  void Reset() {
    // relaxed: the caller has ordered all others before or after itself.
    word_.store(kNotSet, std::memory_order_relaxed);
  }

  void AfterForkChild() {
    // relaxed: no other thread exists.
    if (word_.load(std::memory_order_relaxed) == kHasSleeper) Reset();
  }

 private:
  static constexpr uint32_t kNotSet = 0;
  static constexpr uint32_t kHasSleeper = 1;
  static constexpr uint32_t kSet = 2;

  Atomic<uint32_t> word_;
};

}  // namespace rt

#endif  // RUNTIME_SYNC_EVENT_H_
