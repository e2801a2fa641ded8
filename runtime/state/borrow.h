// Borrowing a detached thread state: another thread merges its objects for it.
//
// Model.  A thread that hands a reference to the merge queue of a detached owner
// may do the owner's work at once: it sets kBorrowedFlag beside the owner's
// status, merges, and takes the flag away. Attach() waits meanwhile; a stop, the
// start of the world and a shut down change the status beside the flag and do
// not wait. So a blocked owner does not pin what others have dropped.
// Invariants.  BO-1: the flag stands beside DETACHED or SUSPENDED, where only a
// shut down may put SHUTTING_DOWN; never beside an attached or waiting status.
// BO-2: it is set and taken away by one thread, attached in the interpreter of
// the owner, that holds the mutex of the owner's merge bucket all the time: so the
// owner cannot leave the table, nobody frees it, there is one borrower at most,
// and in a stopped world there is none but the stopper. BO-3: while the flag is
// set the borrower alone writes `local` of the owner's objects (INV-B-4). BO-4:
// whoever detaches without being stopped leaves nothing queued behind, or a
// borrower takes it: see (BR3) and (T14).
// Memory order.  Owner to borrower: the release (T5) of the detach, over any
// exchange of a stop, to the acquire (BR1). Borrower to owner: the release (BR2)
// to the acquire (T4) of the next attach.
// Thread safety.  BorrowDetached(), ReturnBorrowed(): an attached thread as in
// BO-2. WaitForReturn(): the OS thread that wants to attach, holding no mutex.
// Lock order.  Takes none. Destructors run after the flag and the mutex are gone.
// Fork.  The forking thread has stopped the runtime, so the flag is set nowhere.
// Source.  CPython pull request 157839, as an idea. Differs: a flag of its own
// instead of SUSPENDED, so that a borrower is never taken for a stop, nor a stop
// for a borrower.

#ifndef RUNTIME_STATE_BORROW_H_
#define RUNTIME_STATE_BORROW_H_

#include <cstdint>

#include "runtime/state/thread_state_impl.h"

namespace rt {

// Bits of ThreadState::state beside the status.
inline constexpr uint32_t kBorrowedFlag = 16;
// An OS thread sleeps until the borrower is done.
inline constexpr uint32_t kAttachSleepsFlag = 32;
inline constexpr uint32_t kBorrowFlags = kBorrowedFlag | kAttachSleepsFlag;
static_assert((kBorrowFlags & (kStopRequestedFlag | 7u)) == 0);

// Keeps `owner` from attaching until ReturnBorrowed(). Returns false, having
// changed nothing, if it is not detached or not suspended, or waits to attach.
[[nodiscard]] bool BorrowDetached(ThreadStateImpl& owner);

void ReturnBorrowed(ThreadStateImpl& owner);

// Blocks while `thread` is borrowed.
void WaitForReturn(ThreadStateImpl& thread);

}  // namespace rt

#endif  // RUNTIME_STATE_BORROW_H_
