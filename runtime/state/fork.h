// Fork: carries a threaded runtime over fork(2).
//
// Model.  BeforeFork() stops the runtime and takes every mutex in lock order,
//   so that the copy is consistent. The parent releases and goes on. In the
//   child only the forking OS thread and its current thread state exist.
// In the child.  Every mutex is made new; all other thread states of every
//   interpreter are unlinked, then cleared and deleted by the survivor, each
//   with its own freelists, queues and heaps: the survivor's freelists stay
//   enabled and the counters of the dead are folded in, so the reference total
//   of the child is exactly the parent's at the fork. Other interpreters
//   survive without threads. Counters move to private memory.
// A thread state that was bound on the surviving OS thread but was not its
//   current one is shut down; the OS thread still has its party to release.
// Invariants.  F1: the child's totals equal the parent's at the fork. F2: no
//   mutex of the runtime is held in the child. F3: the child has exactly one
//   thread state and one QSBR slot in the forking interpreter, none elsewhere.
// Thread safety.  The calls of one fork come from one attached OS thread.
// Source.  CPython Modules/posixmodule.c, Python/pystate.c. Differs: see F1 and
//   the freelists.

#ifndef RUNTIME_STATE_FORK_H_
#define RUNTIME_STATE_FORK_H_

#include <sys/types.h>

#include "runtime/state/thread_state.h"

namespace rt {

// Stops the runtime and takes its mutexes. `caller` is current. Must be followed
// by one of the two below in each process that results; also when fork(2)
// fails, by the parent's. Returns false, having done nothing, when `caller` was
// shut down or memory ran out (it may be tried again then; IsCurrent tells).
[[nodiscard]] bool BeforeFork(ThreadState& caller);
void AfterForkParent(ThreadState& caller);
// Runs destructors of objects whose last reference the dead held in a queue.
void AfterForkChild(ThreadState& caller);

// fork(2) between the calls above. Returns its result; -1 with errno ECANCELED
// when BeforeFork() refused.
[[nodiscard]] pid_t Fork(ThreadState& caller);

}  // namespace rt

#endif  // RUNTIME_STATE_FORK_H_
