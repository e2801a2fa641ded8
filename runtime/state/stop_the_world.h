// Stop the world: pauses every other attached thread, of one interpreter or of
// the whole runtime.
//
// Model.  A requester waits for its turn in a first-in first-out queue
//   (stop_queue.h), detached, then suspends the detached and asks the attached.
//   Each of those answers at its next safe point or detach by counting down;
//   the last one wakes the requester, which spins before it sleeps and does not
//   detach while it waits.
// Fair start.  A thread that wants to run while it is suspended says so
//   (SUSPENDED_WAITING). StartTheWorld() attaches it on its behalf, so the next
//   stop, however soon, must wait until that thread has run to a safe point.
// Invariants.  INV-STW-1: while the world is stopped no other thread state in
//   scope is attached. INV-STW-2: the countdown is the number of other thread
//   states in scope that are neither suspended nor gone. INV-STW-3: a suspended
//   thread owns no mutex of the runtime.
// Thread safety.  Stop and start: the same attached thread.
// Lock order.  runtime/LOCK_ORDER.md. Stops of two interpreters overlap; a stop
//   of the runtime excludes all others.
// Fork.  fork.h stops the runtime; in the child nobody is left to wait for.
// Source.  CPython Python/pystate.c. Differs: exact hand-shake with detach (no
//   polling every millisecond), turns, fair start.

#ifndef RUNTIME_STATE_STOP_THE_WORLD_H_
#define RUNTIME_STATE_STOP_THE_WORLD_H_

#include "runtime/state/thread_state.h"

namespace rt {

enum class StopScope {
  kInterpreter,  // The caller's.
  kRuntime,      // Every interpreter of the caller's runtime.
};

// Stops the world. `caller` is current and has no stop in progress. May wait
// detached for its turn, so it counts as a safe point. Returns false, with no
// stop in progress, when `caller` was shut down meanwhile: see SafePoint().
[[nodiscard]] bool StopTheWorld(ThreadState& caller, StopScope scope);

// Ends the stop that `caller` began.
void StartTheWorld(ThreadState& caller);

// Whether `thread`'s interpreter is stopped by `thread` or its runtime is.
bool IsWorldStoppedBy(const ThreadState& thread);

}  // namespace rt

#endif  // RUNTIME_STATE_STOP_THE_WORLD_H_
