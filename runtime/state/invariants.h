// Checks of everything that must hold in a stopped world.
//
// Model.  INV-STW-1, INV-STW-2 and the list (T1, P1, INV-T-1), QSBR slots
//   (INV-Q-2, INV-Q-3), bundles, delayed frees, freelists, merge queues, types,
//   and INV-RT-1: the references of all live objects, found by walking the
//   heaps, add up to the reference totals, type by type.
// Thread safety.  The world is stopped by `caller`, or only it runs. Costs a
//   walk over every live object.

#ifndef RUNTIME_STATE_INVARIANTS_H_
#define RUNTIME_STATE_INVARIANTS_H_

#include "runtime/state/runtime_impl.h"
#include "runtime/state/thread_state_impl.h"

namespace rt {

// Of one interpreter, or all for null. Dies when one does not hold.
void CheckScopeWorldStopped(RuntimeImpl& runtime, InterpreterImpl* interpreter,
                            ThreadStateImpl& caller);

}  // namespace rt

#endif  // RUNTIME_STATE_INVARIANTS_H_
