// The identity of a thread of the runtime, and the word that says who runs here.
//
// Model.  An identity is the 64-bit id of a thread state, drawn from one
// counter for the whole process and never used again. It is the owner of
// objects, the key of merge queues and, because our patched mimalloc asks this
// word, the owner of heap segments. It belongs to the thread state and not to
// the OS thread, so that an OS thread with two thread states, a recycled OS
// thread id, or a thread state cleared by a foreign thread cannot be confused.
// Attach sets the word to the thread state's id, detach sets it to kNobodyId.
// Invariants.  I1: the word is kNobodyId on a thread that is not attached.
// I2: ids of thread states are >= kFirstThreadStateId and distinct.
// Thread safety.  The word is the calling thread's; the counter any thread's.
// Fork.  Both survive: the child's only thread keeps its id, and ids given out
// by parent and child afterwards may be equal, in different processes.
#ifndef RUNTIME_BASE_THREAD_ID_H_
#define RUNTIME_BASE_THREAD_ID_H_

#include <cstdint>

// C sources declare it as
//   extern _Thread_local uintptr_t rt_current_thread_id
//       __attribute__((tls_model("initial-exec")));
// A plain __thread word: no initialiser runs, and it can be read at any time in
// a thread's life. initial-exec: one load instead of a call.
extern "C" __thread uintptr_t rt_current_thread_id __attribute__((tls_model("initial-exec")));

namespace rt {

using ThreadId = uint64_t;
static_assert(sizeof(ThreadId) == sizeof(rt_current_thread_id),
              "mimalloc keeps a thread id in a word");

// Owner of memory and objects that belong to no thread.
inline constexpr ThreadId kUnownedId = 0;
// The current id of an OS thread with no attached thread state. It owns nothing.
inline constexpr ThreadId kNobodyId = 1;
inline constexpr ThreadId kFirstThreadStateId = 2;

// The id of the thread state attached on this OS thread, or kNobodyId.
inline ThreadId CurrentThreadId() { return rt_current_thread_id; }

// Called by attach and detach only.
inline void SetCurrentThreadId(ThreadId id) { rt_current_thread_id = id; }

// Draws an id no thread state of this process has had.
ThreadId NextThreadStateId();

}  // namespace rt

#endif  // RUNTIME_BASE_THREAD_ID_H_
