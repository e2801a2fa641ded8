#include "runtime/state/borrow.h"

#include "runtime/base/check.h"
#include "runtime/base/futex.h"
#include "runtime/base/slow_path_point.h"
#include "runtime/state/attach.h"

namespace rt {
namespace {

// 60: a borrower merges a few objects, which takes less than a sleep.
constexpr int kReturnSpinTurns = 60;

}  // namespace

bool BorrowDetached(ThreadStateImpl& owner) {
  // (BR3) seq_cst load, total order with (T14) in Detach(), (T5) and the bit that
  //       object/merge_queue.cc sets before: either we see the owner detached, or
  //       it sees the bit.
  uint32_t word = owner.state.load(std::memory_order_seq_cst);
  for (;;) {
    if (word != kDetachedWord && word != kSuspendedWord) return false;
    // (BR1) acquire on success, synchronizes with the release (T5) of the owner's
    //       last detach and with (BR2) of the borrower before us: we see the
    //       counts as they left them.
    if (owner.state.compare_exchange_weak(word, word | kBorrowedFlag, std::memory_order_acquire,
                                          std::memory_order_relaxed)) {
      return true;
    }
  }
}

void ReturnBorrowed(ThreadStateImpl& owner) {
  // relaxed: the exchange below decides.
  uint32_t word = owner.state.load(std::memory_order_relaxed);
  do {
    RT_CHECK((word & kBorrowedFlag) != 0, "BO-2", "returning what was not borrowed");
    // (BR2) release on success, synchronizes with the acquire (T4) and (T15) of the
    //       owner's next attach and (BR1) of the next borrower: they see what we merged.
  } while (!owner.state.compare_exchange_weak(word, word & ~kBorrowFlags, std::memory_order_release,
                                              std::memory_order_relaxed));
  if ((word & kAttachSleepsFlag) != 0) FutexWake(&owner.state, 1);
}

void WaitForReturn(ThreadStateImpl& thread) {
  for (int turn = 0;; ++turn) {
    // relaxed, all: (T4) acquires when it attaches.
    uint32_t word = thread.state.load(std::memory_order_relaxed);
    if ((word & kBorrowedFlag) == 0) return;
    if (turn < kReturnSpinTurns && !TakesSlowPath("state.sleep")) {
      SpinBriefly(turn);
      continue;
    }
    const uint32_t sleeping = word | kAttachSleepsFlag;
    if (word != sleeping &&
        !thread.state.compare_exchange_strong(word, sleeping, std::memory_order_relaxed,
                                              std::memory_order_relaxed)) {
      continue;
    }
    FutexWait(thread.state, sleeping, kNoTimeout);
  }
}

}  // namespace rt
