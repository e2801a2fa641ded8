// An interpreter: a world of objects, with its threads, types and heaps.
//
// Model.  Interpreters of one runtime share nothing but the process. Each has
//   its QSBR, merge table, parked heap bundles, delayed frees and list of
//   thread states, and can be stopped alone.
// Invariants.  P1: a thread state is in exactly one interpreter's list until it
//   is unlinked. P2: after Finalize() began, no thread state is created or
//   attached but those of the finalizing thread. P3: after Finalize() the list
//   holds the finalizing thread's state or nothing.
// Thread safety.  Any OS thread, attached or not, unless a comment says more.
// Lock order.  See runtime/LOCK_ORDER.md.
// Fork.  Every interpreter survives in the child; only the forking thread state
//   survives among the thread states. An embedder destroys what it does not need.
// Source.  CPython Python/pylifecycle.c, Python/pystate.c. Differs: an OS
//   thread that never had a thread state in it may finalize and destroy it.

#ifndef RUNTIME_STATE_INTERPRETER_H_
#define RUNTIME_STATE_INTERPRETER_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "runtime/state/balance.h"
#include "runtime/state/thread_state.h"

namespace rt {

class InterpreterImpl;
class Runtime;
struct ObjectSpace;

class Interpreter {
 public:
  // Returns null when memory ran out or the runtime is being finalized. The
  // runtime owns it until Destroy().
  [[nodiscard]] static Interpreter* Create(Runtime& runtime);

  // Shuts down every thread state but the caller's, wherever its thread is:
  // stops, unlinks, clears and deletes them, their objects' destructors running
  // on this OS thread. Works for a thread attached here, attached elsewhere
  // (that one is detached for the time) or attached nowhere. Returns false,
  // having done nothing, when another thread finalizes it or shut us down. Needs no
  // memory: where a thread state is wanted, one is in reserve.
  [[nodiscard]] bool Finalize();

  // Finalizes if need be, clears and deletes the caller's thread state (if it
  // is of this interpreter) and gives all memory back, that of leaked objects
  // too. `last`, if not null, gets the balance at the very end. As Finalize();
  // returns false, having done nothing, when it does, and while the interpreter is
  // leased (lease.h, which also destroys by id and says why not).
  [[nodiscard]] static bool Destroy(Interpreter* interpreter, BalanceSnapshot* last = nullptr);

  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  // From one process-wide counter, never reused.
  uint64_t id() const;
  Runtime& runtime() const;
  ObjectSpace& space() const;
  bool is_finalizing() const;

  // Brings the interpreter to rest as far as its threads allow: stops the
  // world, merges every queue, frees every delayed block, collects the parked
  // bundles. `caller` is attached here. Runs destructors after the start.
  // Returns false when the caller was shut down.
  [[nodiscard]] bool Quiesce(ThreadState& caller);

  // Fills `out` in a stop of its own; exact as `balance.h` says. `caller` is
  // attached here. Returns false when the caller was shut down.
  [[nodiscard]] bool Snapshot(ThreadState& caller, BalanceSnapshot* out);
  // The same within the caller's own stop.
  void SnapshotWorldStopped(ThreadState& caller, BalanceSnapshot* out);

  // Reads the counters of the interpreter (its own block and every thread's)
  // while the threads run. Exact if nobody counts meanwhile.
  void ReadCounters(CounterTotals* out) const;
  // The sum of the reference totals, live.
  int64_t ReadReferenceTotal() const;
  // Fills at most out.size() readings; returns how many thread states there
  // are. Holds the lock of the list over the walk: nobody is counted twice.
  size_t ReadThreads(absl::Span<ThreadReading> out) const;
  size_t thread_state_count() const;

  // Dies if an invariant is broken. The world of this interpreter is stopped by
  // `caller`, or nobody but the caller runs.
  void CheckInvariantsWorldStopped(ThreadState& caller);

 protected:
  Interpreter() = default;
  ~Interpreter() = default;

 private:
  InterpreterImpl& impl();
  const InterpreterImpl& impl() const;
};

}  // namespace rt

#endif  // RUNTIME_STATE_INTERPRETER_H_
