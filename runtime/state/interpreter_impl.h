// The hidden part of an interpreter: its space, its list, its stop.
//
// Model.  Every Interpreter is an InterpreterImpl. The list holds every thread
//   state from NewThreadState() to DeleteThreadState(), also those that are
//   shutting down and wait to be cleared: what they counted stays visible.
// Invariants.  P1..P3 of interpreter.h. P4: `is_alone` only when one OS thread
//   can use the interpreter: everything but its thread state is shutting down.
//   P5: one OS thread at a time can have a thread state to finalize or destroy the
//   interpreter with, memory or not: what it is made of is `reserve`, the QSBR's
//   last slot included. What was taken from it is back when that thread state has
//   died, or the memory of the next that dies takes its place.
// Thread safety.  Fields marked ABSL_GUARDED_BY in words: `threads`,
//   `thread_count`, links, `turn`, `stop`, `finalizing`, by threads_mutex of the
//   runtime (the analysis cannot follow the pointer from here).
// Lock order.  runtime/LOCK_ORDER.md.  Fork.  fork.h.

#ifndef RUNTIME_STATE_INTERPRETER_IMPL_H_
#define RUNTIME_STATE_INTERPRETER_IMPL_H_

#include <cstddef>
#include <cstdint>

#include "runtime/alloc/qsbr_page_hold.h"
#include "runtime/base/atomic.h"
#include "runtime/gc/collector.h"
#include "runtime/object/object_space.h"
#include "runtime/state/interpreter.h"
#include "runtime/state/lease.h"
#include "runtime/state/pending_call_list.h"
#include "runtime/state/stop_queue.h"
#include "runtime/state/stop_request.h"
#include "runtime/state/thread_state_impl.h"
#include "runtime/stats/counter_block.h"

namespace rt {

class RuntimeImpl;

// The parts of one thread state, for when there is no memory. Guarded by
// lifecycle_mutex.
struct ThreadStateReserve {
  // Of a ThreadStateImpl, from RawAllocate(); null while in use.
  void* memory = nullptr;
  CounterSlot counters;
  bool counters_taken = false;
};

class InterpreterImpl final : public Interpreter {
 public:
  InterpreterImpl(RuntimeImpl& runtime, uint64_t id);
  ~InterpreterImpl();

  RuntimeImpl& runtime;
  const uint64_t id;

  // Before what the child of a fork writes: the end of the space is of that kind.
  ObjectSpace space;

  InterpreterImpl* next = nullptr;
  InterpreterImpl* previous = nullptr;
  ThreadStateImpl* threads = nullptr;
  size_t thread_count = 0;

  StopTurn turn;
  StopRequest stop;

  // Set once, in a stop; read without the lock as a hint.
  Atomic<bool> finalizing{false};
  // Every thread state but the finalizing one's is gone.
  bool finalized = false;
  // Delayed frees need not wait.
  Atomic<bool> is_alone{false};

  // Guarded by threads_mutex too: who keeps it from being destroyed (lease.h), and
  // whether somebody is destroying it.
  InterpreterLease* leases = nullptr;
  uint64_t lease_count = 0;
  bool doomed = false;
  // Its last thread runs: what names it is told so, and nothing new may (lease.h).
  bool ending = false;
  PendingCallList pending_calls;

  ThreadStateReserve reserve;
  // Counts what its deleted thread states counted.
  CounterSlot* counters = nullptr;

  // Goals for the empty pages of its bundles, from space.qsbr.
  QsbrPageHold page_hold;
  Collector collector;
};

inline InterpreterImpl& ImplOf(Interpreter& interpreter) {
  return static_cast<InterpreterImpl&>(interpreter);
}
inline const InterpreterImpl& ImplOf(const Interpreter& interpreter) {
  return static_cast<const InterpreterImpl&>(interpreter);
}
inline InterpreterImpl& InterpreterOf(const ThreadStateImpl& thread) {
  return ImplOf(*thread.interpreter);
}

// The hooks through which the layers below reach state/.
ObjectSpaceHooks MakeObjectSpaceHooks(InterpreterImpl& interpreter);
DelayedFreeHooks MakeDelayedFreeHooks(InterpreterImpl& interpreter);
CollectorHooks MakeCollectorHooks(InterpreterImpl& interpreter);
// QsbrPageHold::CurrentSlot; `interpreter` is an InterpreterImpl.
const QsbrSlot* CurrentSlotIn(void* interpreter);

}  // namespace rt

#endif  // RUNTIME_STATE_INTERPRETER_IMPL_H_
