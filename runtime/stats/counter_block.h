// The cells one thread state counts in, and the slot of memory they live in.
//
// Model.  A block has one cell per counter and, for reference totals, one per
// type. A thread adds to its own block with a plain load and store; anybody may
// read. Sums over blocks are made elsewhere.
// Invariants.  I1: a cell has one writer at a time: the thread attached through
// the block's thread state or, for an interpreter's block, who holds the lock
// that guards its list of thread states.
// Thread safety.  Add...(): the owner. Get...(): any thread; approximate unless
// the owner is stopped or ordered before.
#ifndef RUNTIME_STATS_COUNTER_BLOCK_H_
#define RUNTIME_STATS_COUNTER_BLOCK_H_

#include <cstddef>
#include <cstdint>

#include "runtime/base/cache_line.h"
#include "runtime/base/config.h"
#include "runtime/stats/counter.h"
#include "runtime/stats/counter_layout.h"

namespace rt {

struct CounterTotals;

class alignas(kCacheLineBytes) CounterBlock {
 public:
  constexpr CounterBlock() = default;
  CounterBlock(const CounterBlock&) = delete;
  CounterBlock& operator=(const CounterBlock&) = delete;

  // Adds `amount`, which may be negative, to `counter`.
  void Add(Counter counter, int64_t amount = 1) {
    AddToCell(events_[static_cast<std::size_t>(counter)], amount);
  }

  // Adds to a counter of operations that take a few nanoseconds: nothing where
  // RT_REFERENCE_TOTALS is 0, as each such addition takes a tenth of them.
  void AddHot([[maybe_unused]] Counter counter) {
#if RT_REFERENCE_TOTALS
    Add(counter);
#endif
  }

  // Counts references taken (positive) or dropped (negative) to objects of the
  // type with this index. Nothing when RT_REFERENCE_TOTALS is 0.
  void AddReferences([[maybe_unused]] std::size_t type_index, [[maybe_unused]] int64_t amount) {
#if RT_REFERENCE_TOTALS
    AddToCell(references_[type_index], amount);
#endif
  }

  int64_t Get(Counter counter) const { return GetEvent(static_cast<std::size_t>(counter)); }
  int64_t GetEvent(std::size_t index) const {
    // relaxed: a statistic, orders nothing.
    return events_[index].load(std::memory_order_relaxed);
  }
  // As GetEvent(), for the cell of one type.
  int64_t GetReferences(std::size_t type_index) const {
    // relaxed: a statistic, orders nothing.
    return references_[type_index].load(std::memory_order_relaxed);
  }

  // Adds every cell of `other`. By this block's writer.
  void AddAll(const CounterBlock& other);
  // Sets every cell to 0. By this block's writer.
  void Clear();
  // Adds every cell to `totals`.
  void AddTo(CounterTotals& totals) const;

 private:
  static void AddToCell(CounterCell& cell, int64_t amount) {
    // relaxed: I1, nobody else writes it, and a statistic orders nothing.
    cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }

  CounterCell events_[kCounterCapacity];
  CounterCell references_[kReferenceTypeCount];
};
static_assert(sizeof(CounterBlock) == 1024);

// A block with the label that says whose it is (counter_layout.h, I1 and I2).
struct alignas(kCacheLineBytes) CounterSlot {
  Atomic<uint64_t> owner_id;
  Atomic<uint64_t> interpreter_id;
  Atomic<uint32_t> sequence;
  Atomic<uint32_t> kind;  // CounterOwnerKind.
  uint32_t reserved[10];
  CounterBlock block;
};
static_assert(offsetof(CounterSlot, owner_id) == 0);
static_assert(offsetof(CounterSlot, interpreter_id) == 8);
static_assert(offsetof(CounterSlot, sequence) == 16);
static_assert(offsetof(CounterSlot, kind) == 20);
static_assert(offsetof(CounterSlot, block) == 64);
static_assert(sizeof(CounterSlot) == 1088);

// A sum of blocks, or a copy of one, at one moment: plain numbers.
struct CounterTotals {
  int64_t events[kCounterCapacity] = {};
  int64_t references[kReferenceTypeCount] = {};

  int64_t Get(Counter counter) const { return events[static_cast<std::size_t>(counter)]; }
  // The reference total: the sum over all types.
  int64_t ReferenceTotal() const;
  void Add(const CounterBlock& block);
  void Add(const CounterTotals& other);
  void Subtract(const CounterTotals& earlier);
};

}  // namespace rt

#endif  // RUNTIME_STATS_COUNTER_BLOCK_H_
