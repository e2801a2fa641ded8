// A flag for work that is done once, by the first thread that comes.
//
// Model.  A futex word: 0 not done, 1 somebody is doing it, 2 the same and
// somebody may sleep, 3 done. The work may fail; the next thread then tries.
// Invariants.  I1: the work is never run by two threads at a time, and never
// again after it succeeded. I2: what it did is visible to every caller that got
// true.
// Thread safety.  Any thread; not from inside the work.
// Fork.  AfterForkChild(): work begun by a thread that is gone counts as not done.
#ifndef RUNTIME_SYNC_ONCE_H_
#define RUNTIME_SYNC_ONCE_H_

#include <cstdint>
#include <utility>

#include "runtime/base/atomic.h"

namespace rt {

class Once {
 public:
  constexpr Once() = default;
  Once(const Once&) = delete;
  Once& operator=(const Once&) = delete;

  bool IsDone() const {
    // (O1) acquire load, synchronizes with the release exchange (O4) in End():
    //      we see what the work did.
    return word_.load(std::memory_order_acquire) == kDone;
  }

  // Runs `work`, which returns whether it succeeded, unless it is already done;
  // waits for a thread that is at it. Returns false when this call ran it and
  // it failed.
  template <typename Work>
  [[nodiscard]] bool Call(Work&& work) {
    if (IsDone() || !Begin()) return true;
    const bool succeeded = std::forward<Work>(work)();
    End(succeeded);
    return succeeded;
  }

  void AfterForkChild() {
    // relaxed: no other thread exists.
    if (word_.load(std::memory_order_relaxed) != kDone) {
      word_.store(kNotDone, std::memory_order_relaxed);
    }
  }

 private:
  static constexpr uint32_t kNotDone = 0;
  static constexpr uint32_t kRunning = 1;
  static constexpr uint32_t kHasSleeper = 2;
  static constexpr uint32_t kDone = 3;

  // Returns true when the caller is to run the work, false when it is done.
  bool Begin();
  void End(bool succeeded);

  Atomic<uint32_t> word_;
};

}  // namespace rt

#endif  // RUNTIME_SYNC_ONCE_H_
