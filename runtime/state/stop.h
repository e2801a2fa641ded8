// Stops and starts, as finalization and fork use them too.
//
// Thread safety.  Internal to state/. BeginStop() and EndStop() of one stop come
//   from one OS thread.

#ifndef RUNTIME_STATE_STOP_H_
#define RUNTIME_STATE_STOP_H_

#include "absl/base/thread_annotations.h"
#include "runtime/state/runtime_impl.h"
#include "runtime/state/thread_state_impl.h"

namespace rt {

// Stops `interpreter`, or the whole runtime for null. `caller` is current. Waits
// for its turn detached. Returns false when `caller` was shut down meanwhile; the
// runtime may then be gone.
[[nodiscard]] bool BeginStop(RuntimeImpl& runtime, InterpreterImpl* interpreter,
                             ThreadStateImpl& caller);
void EndStop(RuntimeImpl& runtime, InterpreterImpl* interpreter, ThreadStateImpl& caller);

// The stop that `interpreter` has to answer, or null.
StopRequest* ActiveRequestLocked(RuntimeImpl& runtime, InterpreterImpl& interpreter)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(runtime.threads_mutex);

// Calls `visit(thread)` for every thread state in scope (null: the runtime).
template <typename Visit>
void ForEachThreadLocked(RuntimeImpl& runtime, InterpreterImpl* scope, Visit&& visit)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(runtime.threads_mutex) {
  InterpreterImpl* interpreter = scope != nullptr ? scope : runtime.interpreters;
  while (interpreter != nullptr) {
    for (ThreadStateImpl* thread = interpreter->threads; thread != nullptr; thread = thread->next) {
      visit(*thread);
    }
    interpreter = scope != nullptr ? nullptr : interpreter->next;
  }
}

}  // namespace rt

#endif  // RUNTIME_STATE_STOP_H_
