// The list of pending calls of one interpreter: pending_call.h.
//
// Thread safety.  Everything but `count` is guarded by the runtime's threads_mutex.

#ifndef RUNTIME_STATE_PENDING_CALL_LIST_H_
#define RUNTIME_STATE_PENDING_CALL_LIST_H_

#include <cstddef>

#include "runtime/base/atomic.h"

namespace rt {

struct PendingCall;
struct ThreadStateImpl;
class InterpreterImpl;

struct PendingCallList {
  PendingCall* first = nullptr;
  PendingCall* last = nullptr;
  // Written under the mutex; read without it as a hint.
  Atomic<size_t> count{0};
  // Posting is refused from now on.
  bool closed = false;
};

// Runs what waits until nothing does, then closes the list. `caller` is attached
// and the only thread of its interpreter.
void RunAndClosePendingCalls(ThreadStateImpl& caller);

// Dies if PC2 does not hold. The mutex is held.
void CheckPendingCallsLocked(const InterpreterImpl& interpreter);

}  // namespace rt

#endif  // RUNTIME_STATE_PENDING_CALL_LIST_H_
