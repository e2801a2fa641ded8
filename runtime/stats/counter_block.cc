#include "runtime/stats/counter_block.h"

#include <atomic>

namespace rt {
namespace {

// Cells that change by a fold or a reset, together with a sequence that readers
// check, are written and read with orders: seeing a new cell, a reader then also
// sees the sequence odd or changed.
int64_t LoadForReader(const CounterCell& cell) {
  // (C1) acquire load, synchronizes with the release store (C2) in
  //      StoreForReader(): the odd sequence is visible to who sees the value.
  return cell.load(std::memory_order_acquire);
}

void StoreForReader(CounterCell& cell, int64_t value) {
  // (C2) release store, synchronizes with the acquire load (C1) in
  //      LoadForReader().
  cell.store(value, std::memory_order_release);
}

}  // namespace

void CounterBlock::AddAll(const CounterBlock& other) {
  for (std::size_t index = 0; index < kCounterCapacity; ++index) {
    StoreForReader(events_[index], GetEvent(index) + other.GetEvent(index));
  }
  for (std::size_t index = 0; index < kReferenceTypeCount; ++index) {
    StoreForReader(references_[index], GetReferences(index) + other.GetReferences(index));
  }
}

void CounterBlock::Clear() {
  for (CounterCell& cell : events_) StoreForReader(cell, 0);
  for (CounterCell& cell : references_) StoreForReader(cell, 0);
}

void CounterBlock::AddTo(CounterTotals& totals) const {
  for (std::size_t index = 0; index < kCounterCapacity; ++index) {
    totals.events[index] += LoadForReader(events_[index]);
  }
  for (std::size_t index = 0; index < kReferenceTypeCount; ++index) {
    totals.references[index] += LoadForReader(references_[index]);
  }
}

int64_t CounterTotals::ReferenceTotal() const {
  int64_t total = 0;
  for (const int64_t count : references) total += count;
  return total;
}

void CounterTotals::Add(const CounterBlock& block) { block.AddTo(*this); }

void CounterTotals::Add(const CounterTotals& other) {
  for (std::size_t i = 0; i < kCounterCapacity; ++i) events[i] += other.events[i];
  for (std::size_t i = 0; i < kReferenceTypeCount; ++i) references[i] += other.references[i];
}

void CounterTotals::Subtract(const CounterTotals& earlier) {
  for (std::size_t index = 0; index < kCounterCapacity; ++index) {
    events[index] -= earlier.events[index];
  }
  for (std::size_t index = 0; index < kReferenceTypeCount; ++index) {
    references[index] -= earlier.references[index];
  }
}

}  // namespace rt
