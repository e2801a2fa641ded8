#include "runtime/interp/run_in.h"

namespace rt {
namespace {

// Calls in a thread state of its own. The OS thread has no current one.
InterpreterStatus CallIn(Interpreter& interpreter, void (*function)(ThreadState&, void*),
                         void* argument, bool* called) {
  ThreadState* const thread = NewThreadState(interpreter);
  if (thread == nullptr) {
    return interpreter.is_finalizing() ? InterpreterStatus::kFinalizing
                                       : InterpreterStatus::kOutOfMemory;
  }
  if (Attach(*thread)) {
    *called = true;
    function(*thread, argument);
    // The function may have left it detached, but not shut down.
    if (CurrentThreadState() == thread || Attach(*thread)) {
      ClearThreadState(*thread, *thread);
      DeleteThreadState(*thread, *thread);
      return InterpreterStatus::kOk;
    }
  }
  ReleaseThreadState(thread);
  return InterpreterStatus::kShutDown;
}

}  // namespace

RunResult RunIn(Runtime& runtime, uint64_t id, void (*function)(ThreadState&, void*),
                void* argument) {
  RunResult result;
  InterpreterLease lease;
  result.status = LeaseInterpreter(runtime, id, &lease);
  if (result.status != InterpreterStatus::kOk) return result;
  ThreadState* const former = CurrentThreadState();
  if (former != nullptr) Detach(*former);
  result.status = CallIn(*lease, function, argument, &result.called);
  // Before the former comes back: it may be that of a thread that waits for the
  // interpreter to be free.
  lease.Release();
  if (former != nullptr) result.returned = Attach(*former);
  return result;
}

}  // namespace rt
