#include "runtime/stats/counter_region.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <new>

#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/base/raw_memory.h"

namespace rt {
namespace {

static_assert(sizeof(CounterRegionHeader) % alignof(CounterSlot) == 0);

uint32_t FittingSlotCount(const void* memory, std::size_t bytes) {
  if (memory == nullptr || bytes < CounterRegion::BytesFor(1)) return 0;
  const std::size_t fitting = (bytes - sizeof(CounterRegionHeader)) / sizeof(CounterSlot);
  return static_cast<uint32_t>(std::min<std::size_t>(fitting, CounterRegion::kMaxSlotCount));
}

void BeginSlotChange(CounterSlot* slot) {
  // relaxed: one writer at a time; the release stores that follow order it.
  slot->sequence.store(slot->sequence.load(std::memory_order_relaxed) + 1,
                       std::memory_order_relaxed);
}

void EndSlotChange(CounterSlot* slot) {
  // (C3) release store, synchronizes with the acquire load (C4) in
  //      ReadCounterSlot(): who sees it even sees the new label and cells.
  slot->sequence.store(slot->sequence.load(std::memory_order_relaxed) + 1,
                       std::memory_order_release);
}

// Labels a slot whose sequence is odd.
void Label(CounterSlot* slot, CounterOwnerKind kind, uint64_t owner_id, uint64_t interpreter_id) {
  // (C5) release stores, synchronizes with the acquire loads (C6) in
  //      ReadCounterSlot(): who sees the new label sees the sequence odd or
  //      changed.
  slot->kind.store(static_cast<uint32_t>(kind), std::memory_order_release);
  slot->interpreter_id.store(interpreter_id, std::memory_order_release);
  slot->owner_id.store(owner_id, std::memory_order_release);
}

}  // namespace

CounterRegion::CounterRegion() : CounterRegion(nullptr, 0) {}

CounterRegion::CounterRegion(void* memory, std::size_t bytes)
    : header_(FittingSlotCount(memory, bytes) == 0 ? nullptr
                                                   : static_cast<CounterRegionHeader*>(memory)),
      slots_(header_ == nullptr ? nullptr
                                : reinterpret_cast<CounterSlot*>(static_cast<char*>(memory) +
                                                                 sizeof(CounterRegionHeader))),
      bytes_(bytes),
      slot_count_(FittingSlotCount(memory, bytes)) {
  if (header_ == nullptr) return;
  const std::size_t page_bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  RT_CHECK(reinterpret_cast<uintptr_t>(memory) % page_bytes == 0 && bytes % page_bytes == 0,
           "REGION-I4", "counter memory %p of %zu bytes is not made of pages", memory, bytes);
  new (header_) CounterRegionHeader();
  for (uint32_t index = 0; index < slot_count_; ++index) new (&slots_[index]) CounterSlot();
  // relaxed: the magic word below makes them visible.
  header_->version.store(kCounterLayoutVersion, std::memory_order_relaxed);
  header_->header_bytes.store(sizeof(CounterRegionHeader), std::memory_order_relaxed);
  header_->slot_bytes.store(sizeof(CounterSlot), std::memory_order_relaxed);
  header_->slot_count.store(slot_count_, std::memory_order_relaxed);
  header_->counter_count.store(kCounterCount, std::memory_order_relaxed);
  header_->type_count.store(kReferenceTypeCount, std::memory_order_relaxed);
  // (C7) release store, for the reading process: once it sees the magic word
  //      (acquire) it sees the layout.
  header_->magic.store(kCounterRegionMagic, std::memory_order_release);
}

CounterRegion::~CounterRegion() {
  MutexLock lock(mutex_);
  RT_CHECK(used_count_ == 0 && private_count_ == 0, "REGION-I1",
           "%u slots and %u private slots were not released", used_count_, private_count_);
}

CounterSlot* CounterRegion::Acquire(CounterOwnerKind kind, uint64_t owner_id,
                                    uint64_t interpreter_id, CounterSlot* reserve) {
  RT_CHECK(owner_id != 0, "REGION-I1", "a slot for nobody");
  MutexLock lock(mutex_);
  CounterSlot* slot = TakeLocked();
  if (slot == nullptr) {
    void* const memory = RawAllocate(sizeof(CounterSlot), alignof(CounterSlot));
    if (memory != nullptr) {
      slot = new (memory) CounterSlot();
    } else if (reserve != nullptr) {
      slot = reserve;
    } else {
      return nullptr;
    }
    ++private_count_;
  }
  BeginChangeLocked(slot);
  slot->block.Clear();
  Label(slot, kind, owner_id, interpreter_id);
  EndChangeLocked(slot);
  return slot;
}

void CounterRegion::Release(CounterSlot* slot, const CounterSlot* reserve) {
  MutexLock lock(mutex_);
  BeginChangeLocked(slot);
  slot->block.Clear();
  Label(slot, CounterOwnerKind::kNone, 0, 0);
  EndChangeLocked(slot);
  GiveBackLocked(slot, reserve);
}

void CounterRegion::FoldAndRelease(CounterSlot* slot, CounterSlot* into,
                                   const CounterSlot* reserve) {
  RT_CHECK(slot != into, "REGION-I3", "a slot folded into itself");
  MutexLock lock(mutex_);
  BeginChangeLocked(slot);
  BeginSlotChange(into);
  into->block.AddAll(slot->block);
  slot->block.Clear();
  Label(slot, CounterOwnerKind::kNone, 0, 0);
  EndSlotChange(into);
  EndChangeLocked(slot);
  GiveBackLocked(slot, reserve);
}

uint32_t CounterRegion::used_slot_count() const {
  MutexLock lock(mutex_);
  return used_count_;
}

uint32_t CounterRegion::private_slot_count() const {
  MutexLock lock(mutex_);
  return private_count_;
}

uint32_t CounterRegion::change_sequence() const {
  if (header_ == nullptr) return 0;
  // (C8) acquire load, synchronizes with the release store (C9) in
  //      EndChangeLocked(): we see the slots as that change left them.
  return header_->change_sequence.load(std::memory_order_acquire);
}

void CounterRegion::BeginChangeLocked(CounterSlot* slot) {
  if (header_ != nullptr) {
    // relaxed: under mutex_; the release stores that follow order it.
    header_->change_sequence.store(header_->change_sequence.load(std::memory_order_relaxed) + 1,
                                   std::memory_order_relaxed);
  }
  BeginSlotChange(slot);
}

void CounterRegion::EndChangeLocked(CounterSlot* slot) {
  EndSlotChange(slot);
  if (header_ != nullptr) {
    // (C9) release store, synchronizes with the acquire load (C8) in
    //      change_sequence(): who sees it even sees what we changed.
    header_->change_sequence.store(header_->change_sequence.load(std::memory_order_relaxed) + 1,
                                   std::memory_order_release);
  }
}

bool CounterRegion::IsPrivate(const CounterSlot* slot) const {
  return slots_ == nullptr || slot < slots_ || slot >= slots_ + slot_count_;
}

CounterSlot* CounterRegion::TakeLocked() {
  for (uint32_t index = first_maybe_free_; index < slot_count_; ++index) {
    // relaxed: labels change under mutex_ only.
    if (slots_[index].owner_id.load(std::memory_order_relaxed) == 0) {
      first_maybe_free_ = index + 1;
      highest_used_count_ = std::max(highest_used_count_, index + 1);
      ++used_count_;
      return &slots_[index];
    }
  }
  first_maybe_free_ = slot_count_;
  return nullptr;
}

void CounterRegion::GiveBackLocked(CounterSlot* slot, const CounterSlot* reserve) {
  if (IsPrivate(slot)) {
    RT_CHECK(private_count_ > 0, "REGION-I1", "slot %p was not acquired here",
             static_cast<void*>(slot));
    --private_count_;
    if (slot == reserve) return;
    slot->~CounterSlot();
    RawFree(slot);
    return;
  }
  RT_CHECK(used_count_ > 0, "REGION-I1", "slot %p was not acquired", static_cast<void*>(slot));
  --used_count_;
  first_maybe_free_ = std::min(first_maybe_free_, static_cast<uint32_t>(slot - slots_));
}

// The copy is made before the fork, because the parent's threads count on as
// soon as it returns: the child would read what they counted after it.
void CounterRegion::BeforeFork() {
  mutex_.Lock();
  if (header_ == nullptr) return;
  fork_copy_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  RT_CHECK(fork_copy_ != MAP_FAILED, "REGION-I5", "no memory for the counters of a fork");
  // Word by word: a thread state that nobody stopped may still count.
  const uint64_t* const words = reinterpret_cast<const uint64_t*>(header_);
  uint64_t* const copied = static_cast<uint64_t*>(fork_copy_);
  const std::size_t word_count = BytesFor(highest_used_count_) / sizeof(uint64_t);
  for (std::size_t index = 0; index < word_count; ++index) {
    copied[index] = LoadRelaxed(&words[index]);
  }
}

void CounterRegion::AfterForkParent() {
  if (fork_copy_ != nullptr) munmap(fork_copy_, bytes_);
  fork_copy_ = nullptr;
  mutex_.Unlock();
}

void CounterRegion::AfterForkChild() {
  if (fork_copy_ != nullptr) {
    // The copy takes the place of the shared pages; slot pointers stay good.
    void* const moved = mremap(fork_copy_, bytes_, bytes_, MREMAP_MAYMOVE | MREMAP_FIXED, header_);
    RT_CHECK(moved == header_, "REGION-I5", "no memory for the counters of a forked child");
    fork_copy_ = nullptr;
  }
  mutex_.AfterForkChild();
}

bool ReadCounterSlot(const CounterSlot& slot, CounterSlotReading& reading) {
  // (C4) acquire load, synchronizes with the release store (C3) in
  //      EndSlotChange(): we see the slot as that change left it.
  const uint32_t begun = slot.sequence.load(std::memory_order_acquire);
  if ((begun & 1) != 0) return false;
  // (C6) acquire loads, synchronizes with the release stores (C5) in Label():
  //      seeing a newer label, we see the sequence odd or changed below.
  reading.kind = static_cast<CounterOwnerKind>(slot.kind.load(std::memory_order_acquire));
  reading.interpreter_id = slot.interpreter_id.load(std::memory_order_acquire);
  reading.owner_id = slot.owner_id.load(std::memory_order_acquire);
  reading.totals = CounterTotals();
  reading.totals.Add(slot.block);
  // relaxed: the acquire loads above keep it after them.
  return slot.sequence.load(std::memory_order_relaxed) == begun;
}

}  // namespace rt
