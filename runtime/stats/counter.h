// What the runtime core counts: the counters' numbers, names and meanings.
//
// Model.  A counter is a number below kCounterCapacity and indexes the cells of
// every counter block. Numbers are part of the shared layout
// (counter_layout.h): append new counters at the end, and raise
// kCounterLayoutVersion when one goes away. Names are what users see and stored
// series are keyed by. Every counter is counted somewhere: what a hot path would
// have to count (blocks, quiescent states) is in the balance instead
// (state/balance.h), as blocks, pages and sequences.
// Invariants.  I1: only numbers below kCounterCount are asked about.
// Thread safety.  Constant data.
#ifndef RUNTIME_STATS_COUNTER_H_
#define RUNTIME_STATS_COUNTER_H_

#include <cstddef>
#include <cstdint>

namespace rt {

enum class Counter : uint8_t {
  // Thread states.
  kThreadStatesCreated = 0,
  kThreadStatesDestroyed,
  kAttaches,
  kDetaches,
  kSuspensions,
  // Stop-the-world.
  kStops,
  kStopWaitNs,
  kStoppedNs,
  kForks,
  // Objects, by kind.
  kNumbersCreated,
  kNumbersDestroyed,
  kListsCreated,
  kListsDestroyed,
  kInstancesCreated,
  kInstancesDestroyed,
  kTypesCreated,
  kTypesDestroyed,
  kFinalizersRun,
  // Biased reference counting.
  kObjectsQueued,
  kObjectsMergedFromQueue,
  kObjectsMergedForeign,
  kObjectsMergedLocally,
  kExplicitMerges,
  kTryIncrefFailures,
  // Lists.
  kListReads,
  kListReadRetries,
  kListWrites,
  kListResizes,
  // Delayed free.
  kDelayedFreesEnqueued,
  kDelayedFreesDone,
  kDelayedFreesImmediate,
  kDelayedFreesAbandoned,
  kDelayedBytesEnqueued,
  kDelayedBytesFreed,
  // Heaps.
  kHeapBundlesCreated,
  kHeapBundlesAbandoned,
  kHeapBundlesAdopted,
  kHeapBundlesDestroyed,
  kAllocationFailures,
  // Freelists.
  kFreelistHits,
  kFreelistMisses,
  kFreelistPushes,
  kFreelistOverflows,
  // Weak references and collection.
  kWeakReferencesCreated,
  kWeakReferencesDestroyed,
  kWeakReferencesCleared,
  kCollections,
  kObjectsCollected,
  kObjectsResurrected,
  // Per-thread counts.
  kCountIdsAssigned,
  kCountIdsReleased,
  // Merged in place of a detached owner.
  kObjectsMergedForDetached,

  kCount,  // Not a counter.
};

inline constexpr std::size_t kCounterCount = static_cast<std::size_t>(Counter::kCount);

enum class CounterUnit : uint8_t { kEvents, kNanoseconds, kBytes };

struct CounterInfo {
  const char* name;  // snake_case, unique, ends in its unit or in _count.
  CounterUnit unit;
  const char* help;  // One sentence.
};

// The name, unit and meaning of `counter`, which is not kCount.
const CounterInfo& GetCounterInfo(Counter counter);

}  // namespace rt

#endif  // RUNTIME_STATS_COUNTER_H_
