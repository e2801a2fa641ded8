// Hands out counter slots from memory the embedder gives, or from its own.
//
// Model.  A region covers caller-given memory, often shared with a process that
// reads it (the black box), laid out as counter_layout.h says. Thread states and
// interpreters acquire slots in it. When all are taken, or when there is no
// memory, a slot is private memory: the runtime works the same, only the other
// process does not see it.
// When a thread state dies its cells are folded into its interpreter's slot.
// Invariants.  I1: a slot is handed out once until it is released. I2: a slot's
// sequence is odd exactly while its label or all its cells are being replaced.
// I3: no count is lost by a fold: the sum over slots is the same before and after.
// I4: given memory is made of whole pages. I5: a forked child never counts in the
// parent's memory; without memory for the copy it dies.
// Thread safety.  Acquire(), Release(), FoldAndRelease(): any thread; the caller
// of FoldAndRelease() also is the writer of both slots (counter_block.h, I1).
// ReadCounterSlot(): any thread.
// Lock order.  mutex_ is a leaf.
// Fork.  BeforeFork() takes the mutex. The child must not count in memory that
// the parent and a reader share: AfterForkChild() replaces the pages by a private
// copy at the same addresses, so that slot pointers stay good. The slots of
// threads that do not exist any more stay taken until somebody folds them.
#ifndef RUNTIME_STATS_COUNTER_REGION_H_
#define RUNTIME_STATS_COUNTER_REGION_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "runtime/stats/counter_block.h"
#include "runtime/stats/counter_layout.h"
#include "runtime/sync/mutex.h"

namespace rt {

class CounterRegion {
 public:
  // 4096 slots are 4.4 MB: more threads than a host is allowed.
  static constexpr uint32_t kMaxSlotCount = 4096;

  // The bytes a region of `slot_count` slots needs.
  static constexpr std::size_t BytesFor(uint32_t slot_count) {
    return sizeof(CounterRegionHeader) + slot_count * sizeof(CounterSlot);
  }

  // A region without memory: every slot is private.
  CounterRegion();
  // Lays out as many slots as fit into `memory`, which must outlive the region.
  // Start and size are multiples of the page size, because the child of a fork
  // maps over the pages. Memory too small for one slot counts as none.
  CounterRegion(void* memory, std::size_t bytes);
  // Every slot must have been released.
  ~CounterRegion();
  CounterRegion(const CounterRegion&) = delete;
  CounterRegion& operator=(const CounterRegion&) = delete;

  // Returns a slot with all cells 0, or null when memory is short. `owner_id`
  // is not 0. `reserve`, if given, is a slot of the caller's that nobody uses: it is
  // returned instead of null, and stays the caller's memory.
  [[nodiscard]] CounterSlot* Acquire(CounterOwnerKind kind, uint64_t owner_id,
                                     uint64_t interpreter_id, CounterSlot* reserve = nullptr)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Gives back a slot and forgets what it counted. `reserve` is what Acquire() may
  // have been given.
  void Release(CounterSlot* slot, const CounterSlot* reserve = nullptr) ABSL_LOCKS_EXCLUDED(mutex_);
  // Adds the cells of `slot` to `into` and gives `slot` back. `reserve`: as above.
  void FoldAndRelease(CounterSlot* slot, CounterSlot* into, const CounterSlot* reserve = nullptr)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Slots laid out in the given memory, and how many of them are taken.
  uint32_t slot_count() const { return slot_count_; }
  uint32_t used_slot_count() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Slots that are private memory.
  uint32_t private_slot_count() const ABSL_LOCKS_EXCLUDED(mutex_);

  // The slot with this index in the given memory.
  const CounterSlot& slot(uint32_t index) const { return slots_[index]; }
  // Even while no slot is being handed out, folded or freed (counter_layout.h,
  // I3); 0 without memory.
  uint32_t change_sequence() const;

  // Around fork(), by the forking thread.
  void BeforeFork() ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex_);
  void AfterForkParent() ABSL_UNLOCK_FUNCTION(mutex_);
  void AfterForkChild() ABSL_UNLOCK_FUNCTION(mutex_);

 private:
  // Makes both the region's and the slot's sequence odd, and even again.
  void BeginChangeLocked(CounterSlot* slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndChangeLocked(CounterSlot* slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsPrivate(const CounterSlot* slot) const;
  CounterSlot* TakeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GiveBackLocked(CounterSlot* slot, const CounterSlot* reserve)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  CounterRegionHeader* const header_;
  CounterSlot* const slots_;
  const std::size_t bytes_;
  const uint32_t slot_count_;
  mutable Mutex mutex_;
  // Where the search for a free slot starts: low indices are used first.
  uint32_t first_maybe_free_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t used_count_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t private_count_ ABSL_GUARDED_BY(mutex_) = 0;
  // Slots from here on were never taken.
  uint32_t highest_used_count_ ABSL_GUARDED_BY(mutex_) = 0;
  // Between BeforeFork() and its counterpart: the counts at the fork.
  void* fork_copy_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

// What one slot says: whose it is and what it has counted.
struct CounterSlotReading {
  CounterOwnerKind kind = CounterOwnerKind::kNone;
  uint64_t owner_id = 0;
  uint64_t interpreter_id = 0;
  CounterTotals totals;
};

// Copies `slot` to `reading`. Returns false when the slot is torn: its sequence
// was odd or changed while we read. The owner may be counting meanwhile.
[[nodiscard]] bool ReadCounterSlot(const CounterSlot& slot, CounterSlotReading& reading);

}  // namespace rt

#endif  // RUNTIME_STATS_COUNTER_REGION_H_
