// Extensions: what a layer above the core hangs into a runtime.
//
// Model.  A table of functions, called at the moments when state that belongs to a
//   whole runtime or to one of its interpreters must follow: fork, finalization, the
//   end of an interpreter, a check of the invariants. Null functions are skipped.
// Thread safety.  Added before a second OS thread uses the runtime, removed when no
//   other does (any more), on any OS thread.
// Lock order.  Each function says which locks are held while it runs.
// Fork.  The three fork functions; in the child they run on the surviving thread.

#ifndef RUNTIME_STATE_EXTENSION_H_
#define RUNTIME_STATE_EXTENSION_H_

#include "runtime/state/runtime.h"
#include "runtime/state/thread_state.h"

namespace rt {

struct RuntimeExtension {
  void* context = nullptr;
  // The runtime is stopped, no mutex of the core is held yet: takes its own mutexes,
  // which stand above the core's.
  void (*before_fork)(void* context) = nullptr;
  // Gives them back; the core's are free again.
  void (*after_fork_parent)(void* context) = nullptr;
  // Makes its mutexes new; the core's are new already, the dead not yet buried.
  void (*after_fork_child)(void* context) = nullptr;
  // Finalization of `interpreter` has begun (null: of the whole runtime); its thread
  // states but the caller's refuse to attach. No lock is held; `caller`, attached,
  // may run destructors. It is null when the runtime had no interpreter left.
  void (*finalizing)(void* context, Interpreter* interpreter, ThreadState* caller) = nullptr;
  // `caller`, attached, is the last thread of the interpreter, which is destroyed
  // next. Pending calls still run. No lock is held.
  void (*interpreter_ending)(void* context, Interpreter& interpreter,
                             ThreadState& caller) = nullptr;
  // A check of all invariants, in a stop of an interpreter or of the runtime. No lock
  // is held.
  void (*check_invariants_world_stopped)(void* context) = nullptr;

  RuntimeExtension* next = nullptr;
};

void AddRuntimeExtension(Runtime& runtime, RuntimeExtension* extension);
void RemoveRuntimeExtension(Runtime& runtime, RuntimeExtension* extension);

}  // namespace rt

#endif  // RUNTIME_STATE_EXTENSION_H_
