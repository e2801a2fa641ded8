// Making and unmaking thread states: the steps that finalization and fork share
// with the public functions.
//
// Thread safety.  Internal to state/; as each comment says.

#ifndef RUNTIME_STATE_LIFECYCLE_H_
#define RUNTIME_STATE_LIFECYCLE_H_

#include <cstdint>

#include "runtime/state/runtime_impl.h"
#include "runtime/state/thread_state_impl.h"

namespace rt {

// Who wants a thread state. kPublic is refused once finalization has begun or a
// limit is reached; kFinalizer, who is about to finalize or destroy, only while
// somebody else is at it; kOnlyThread never: no other OS thread is left.
enum class Admission : uint8_t { kPublic, kFinalizer, kOnlyThread };

// NewThreadState() with a choice.
[[nodiscard]] ThreadStateImpl* CreateThreadState(InterpreterImpl& interpreter, Admission admission);

// Marks every thread state of `interpreter` but `keep` as shutting down. None
// of them is attached: the world is stopped.
void ShutDownOthersLocked(InterpreterImpl& interpreter, const ThreadStateImpl* keep);

// Clears and deletes, one by one, the thread states of the caller's interpreter
// that are shutting down, takes over the collection that one of them may have been
// at, collects what is left if the interpreter is being finalized, and releases
// every delayed free. `caller` is attached
// and the only thread there.
void ReapThreadStates(ThreadStateImpl& caller);

// An attached thread state in an interpreter for an OS thread that need not have
// one: its current one, if that is of the interpreter, or a temporary one, for
// which the current one is detached.
class Seat {
 public:
  Seat() = default;
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

  // Returns false, having changed nothing, when it was refused.
  [[nodiscard]] bool Take(InterpreterImpl& interpreter, Admission admission);
  ThreadStateImpl& thread() const { return *thread_; }
  bool is_temporary() const { return temporary_; }

  // Clears and deletes a temporary thread state. When it was shut down
  // meanwhile, only lets go of it.
  void GiveBack();
  // Attaches what Take() detached. If that is refused the OS thread stays
  // without a current thread state.
  void Return();

 private:
  ThreadStateImpl* thread_ = nullptr;
  ThreadState* elsewhere_ = nullptr;
  bool temporary_ = false;
};

// Reaps every interpreter of the runtime but the caller's, one after the other
// in a seat of its own. No other OS thread uses the runtime.
void ReapOtherInterpreters(ThreadStateImpl& caller);

}  // namespace rt

#endif  // RUNTIME_STATE_LIFECYCLE_H_
