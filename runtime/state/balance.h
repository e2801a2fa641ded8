// What an interpreter holds at one moment: the figures that must return to
// their baseline when a closed scenario has ended.
//
// Model.  Interpreter::Snapshot() stops the world, fills a BalanceSnapshot and
// starts the world again. ThreadReading is the live form: one reading per
// thread state, taken while its thread goes on counting.
// Invariants.  B1: reference_total is the sum of references_by_type.
//   B2: a snapshot taken at quiescence (Interpreter::Quiesce() just before, no
//   thread in between) is exact: equal histories give equal figures.
// Thread safety.  Plain data, owned by whoever took it.
// Source.  CPython Objects/object.c (_Py_GetGlobalRefTotal), sys._debugmallocstats.
//   Differs: per type and per heap, and taken in one stop.

#ifndef RUNTIME_STATE_BALANCE_H_
#define RUNTIME_STATE_BALANCE_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/alloc/heap_bundle.h"
#include "runtime/stats/counter_block.h"

namespace rt {

// One interpreter, world stopped.
struct BalanceSnapshot {
  // References counted by the interpreter's threads, living and dead; the
  // second by TypeObject::stat_index. Zero when RT_REFERENCE_TOTALS is 0.
  int64_t reference_total = 0;
  std::array<int64_t, kReferenceTypeCount> references_by_type = {};

  // Live blocks, bytes and pages by HeapKind, over every bundle of the
  // interpreter. Blocks on a freelist count as live; pages need not return to
  // a baseline.
  std::array<HeapUsage, kHeapKindCount> heaps = {};
  // The same sum by who holds the bundle: the caller of Snapshot(), the other
  // thread states, nobody (bundles that wait to be adopted).
  HeapUsage caller_usage;
  HeapUsage other_threads_usage;
  HeapUsage parked_usage;

  int64_t thread_state_count = 0;
  int64_t qsbr_slot_count = 0;  // Slots in use; one per thread state.
  int64_t parked_bundle_count = 0;
  // Held by thread states; one that never allocated from a heap has none.
  int64_t bundles_in_use_count = 0;
  int64_t queued_object_count = 0;  // In merge queues.
  int64_t delayed_free_count = 0;   // Blocks waiting for a goal.
  int64_t delayed_free_bytes = 0;
  int64_t freelist_object_count = 0;  // Dead objects kept for reuse.

  // Of QSBR, for the oracle of progress and bound.
  uint64_t write_sequence = 0;
  uint64_t read_sequence = 0;

  // Live blocks less the dead objects that freelists keep.
  int64_t LiveBlockCount() const {
    int64_t count = -freelist_object_count;
    for (const HeapUsage& heap : heaps) count += heap.block_count;
    return count;
  }
};

// One thread state, read while it runs. The cells are torn against each other
// (every cell is read by itself) but each one is a value it really held.
struct ThreadReading {
  uint64_t id = 0;
  uint32_t status = 0;  // ThreadStatus.
  int64_t reference_total = 0;
  CounterTotals counters;
};

}  // namespace rt

#endif  // RUNTIME_STATE_BALANCE_H_
