// Pending calls: work that some other thread wants done in an interpreter.
//
// Model.  A call is a node that the poster made beforehand; posting links it at the
//   end of the interpreter's list and raises a bit of every eval breaker there. Any
//   thread of the interpreter takes the whole list at its next safe point and runs
//   it. What is left is run at the end of the interpreter, on the thread that
//   destroys it; from then on posting is refused, so the poster still has the call.
// Invariants.  PC1: every call that was accepted runs exactly once, attached in its
//   interpreter. PC2: the count is the length of the list. PC3: a list that is not
//   empty has its bit raised in every thread state, or a thread about to take it.
// Thread safety.  PostPendingCall(): any OS thread, attached or not.
//   RunPendingCalls(): an attached thread. A call runs with no mutex held; it must
//   not reach a safe point, detach or stop.
// Lock order.  Takes threads_mutex; runtime/LOCK_ORDER.md.
// Fork.  Calls that wait survive in the child; none is half done, since a fork is
//   no safe point of the thread that runs one.
// Source.  CPython Python/ceval_gil.c. Differs: no ring that is full one day and
//   whose refusal nobody looks at: posting allocates nothing and cannot fail while
//   the interpreter lives.

#ifndef RUNTIME_STATE_PENDING_CALL_H_
#define RUNTIME_STATE_PENDING_CALL_H_

#include <cstddef>
#include <cstdint>

#include "runtime/state/runtime.h"
#include "runtime/state/thread_state.h"

namespace rt {

struct PendingCall {
  // May free the call.
  void (*run)(PendingCall* call, ThreadState& thread) = nullptr;
  PendingCall* next = nullptr;
};

// Has `call` run in the interpreter `id`. Returns false, having done nothing, when
// there is no such interpreter or it is at its end.
[[nodiscard]] bool PostPendingCall(Runtime& runtime, uint64_t id, PendingCall* call);

// Runs what waits in the interpreter of `thread`, which is attached here. Returns
// how many calls. Safe points do this by themselves.
size_t RunPendingCalls(ThreadState& thread);

// How many calls wait in `interpreter`, a momentary view.
size_t PendingCallCount(const Interpreter& interpreter);

}  // namespace rt

#endif  // RUNTIME_STATE_PENDING_CALL_H_
