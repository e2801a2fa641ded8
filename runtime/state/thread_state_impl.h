// The hidden part of a thread state: what only state/ needs.
//
// Model.  Derives from the public ThreadState; every ThreadState is one. Holds
//   the list links, the second party's count and how far clearing has come.
// Invariants.  INV-T-1: `linked` means: in exactly one interpreter's list, the
//   one of `interpreter`. INV-T-3: party_count goes 2, 1, 0 and the memory is
//   freed at 0. INV-CLR-1: clear steps happen in the order of ClearStep.
// Thread safety.  Links, `linked`: guarded by the runtime's threads_mutex.
//   `party_count`: any thread. The rest: the owner, or who clears it.

#ifndef RUNTIME_STATE_THREAD_STATE_IMPL_H_
#define RUNTIME_STATE_THREAD_STATE_IMPL_H_

#include <cstdint>

#include "runtime/base/atomic.h"
#include "runtime/state/stop_queue.h"
#include "runtime/state/thread_state.h"
#include "runtime/stats/counter_block.h"

namespace rt {

class InterpreterImpl;

// How far ClearThreadState() has come; a clear that was cut off by a fork (in a
// destructor that reached a safe point) is taken up again where it stopped.
enum class ClearStep : uint8_t {
  kNothing,
  kReferencesDropped,        // What the thread state itself held.
  kFreelistsDisabled,        // Before the queue: its destructors would push again.
  kPerThreadCountsFinished,  // What is dropped from here on is counted plainly.
  kMergeQueueLeft,           // After this nobody queues for it.
  kDelayedFreeHandedOver,
  kHeapsParked,  // Last: every step before frees memory.
};

struct ThreadStateImpl final : ThreadState {
  ThreadStateImpl* next = nullptr;
  ThreadStateImpl* previous = nullptr;
  bool linked = false;

  // Entered in the merge table.
  bool bound = false;
  ClearStep clear_step = ClearStep::kNothing;
  // The stop in progress that this thread state began.
  bool stopped_interpreter = false;
  bool stopped_runtime = false;

  // Where `counters` lives.
  CounterSlot* counter_slot = nullptr;
  // Dropped when cleared.
  Object* local_object = nullptr;
  // Which OS thread attached it last (or made it): OsThreadMark(). Tells, in a
  // forked child, whether that OS thread still exists.
  const void* os_thread = nullptr;
  // Set in a forked child: deleting drops the second party too.
  bool os_thread_is_gone = false;

  // RuntimeConfig::late_attach is kHang. Kept here: the runtime may be gone then.
  bool hangs_when_refused = false;

  // 2: the interpreter's list and the OS thread.
  Atomic<uint32_t> party_count{2};
  StopTicket ticket;
};

inline ThreadStateImpl& ImplOf(ThreadState& thread) {
  return static_cast<ThreadStateImpl&>(thread);
}
inline const ThreadStateImpl& ImplOf(const ThreadState& thread) {
  return static_cast<const ThreadStateImpl&>(thread);
}

// Drops one party; frees the memory with the last.
void DropParty(ThreadStateImpl* thread);

// An address that is this OS thread's own while it lives.
const void* OsThreadMark();

// Makes `thread` (or nobody, for null) current on this OS thread.
void SetCurrentThreadState(ThreadState* thread);

}  // namespace rt

#endif  // RUNTIME_STATE_THREAD_STATE_IMPL_H_
