// Running a function in another interpreter, on the calling OS thread.
//
// Model.  RunIn() leases the interpreter by id, detaches the current thread state if
//   there is one, makes and attaches a thread state there, calls the function, clears
//   and deletes that thread state, gives the lease back and attaches the former one.
// Invariants.  RI1: the function runs at most once, and only in a whole interpreter
//   that nobody destroys meanwhile. RI2: whatever happened, afterwards the former
//   thread state is current, or RunResult says that it was shut down.
// Thread safety.  Any OS thread, attached or not. Counts as a safe point: no runtime
//   mutex may be held, and not within a destructor.
// Lock order.  runtime/LOCK_ORDER.md.
// Fork.  The function may fork; in the child RunIn() goes on in it.
// Source.  CPython Python/crossinterp.c (enter and exit of a session).

#ifndef RUNTIME_INTERP_RUN_IN_H_
#define RUNTIME_INTERP_RUN_IN_H_

#include <cstdint>
#include <memory>
#include <type_traits>

#include "runtime/runtime.h"

namespace rt {

struct RunResult {
  // kOk when the function was called and its thread state ended by itself. kShutDown
  // when that was shut down before, during or after the call.
  InterpreterStatus status = InterpreterStatus::kOk;
  bool called = false;
  // False: the former thread state was shut down meanwhile and the OS thread is left
  // without one; what remains is ReleaseThreadState().
  bool returned = true;

  bool ok() const { return status == InterpreterStatus::kOk && returned; }
};

// Calls `function(thread, argument)` in the interpreter `id` of `runtime`.
[[nodiscard]] RunResult RunIn(Runtime& runtime, uint64_t id,
                              void (*function)(ThreadState& thread, void* argument),
                              void* argument);

// The same for anything that can be called with a ThreadState&.
template <typename Function>
[[nodiscard]] RunResult RunIn(Runtime& runtime, uint64_t id, Function&& function) {
  using Bare = std::remove_reference_t<Function>;
  return RunIn(
      runtime, id,
      [](ThreadState& thread, void* argument) { (*static_cast<Bare*>(argument))(thread); },
      const_cast<void*>(static_cast<const void*>(std::addressof(function))));
}

}  // namespace rt

#endif  // RUNTIME_INTERP_RUN_IN_H_
