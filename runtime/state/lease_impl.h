// The parts of leases and of destruction that runtime, interpreter and fork share.
//
// Thread safety.  Internal to state/; as each comment says.

#ifndef RUNTIME_STATE_LEASE_IMPL_H_
#define RUNTIME_STATE_LEASE_IMPL_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "runtime/state/lease.h"
#include "runtime/state/runtime_impl.h"

namespace rt {

// The interpreter `id`, or null.
InterpreterImpl* FindInterpreterLocked(RuntimeImpl& runtime, uint64_t id)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(runtime.threads_mutex);

// Destroys an interpreter that the caller has doomed; un-dooms it when it does not
// succeed. Interpreter::Destroy() without its first step.
[[nodiscard]] InterpreterStatus DestroyDoomed(InterpreterImpl& interpreter, BalanceSnapshot* last);

// In the child of a fork: drops the leases of OS threads that are gone. The mutex is
// held.
void DropLeasesOfTheDeadLocked(InterpreterImpl& interpreter);

// Dies if L1 does not hold.
void CheckLeasesLocked(const InterpreterImpl& interpreter)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(interpreter.runtime.threads_mutex);

}  // namespace rt

#endif  // RUNTIME_STATE_LEASE_IMPL_H_
