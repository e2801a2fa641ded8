// Fills balance snapshots: shared by Interpreter's functions and Destroy().

#ifndef RUNTIME_STATE_SNAPSHOT_H_
#define RUNTIME_STATE_SNAPSHOT_H_

#include "runtime/state/balance.h"
#include "runtime/state/interpreter_impl.h"
#include "runtime/state/thread_state_impl.h"

namespace rt {

// Fills `out`. The world is stopped by `caller`, or nobody but the caller uses
// the interpreter; null when it has no thread state at all.
void TakeSnapshot(InterpreterImpl& interpreter, const ThreadStateImpl* caller,
                  BalanceSnapshot* out);

}  // namespace rt

#endif  // RUNTIME_STATE_SNAPSHOT_H_
