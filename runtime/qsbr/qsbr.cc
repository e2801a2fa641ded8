#include "runtime/qsbr/qsbr.h"

#include <algorithm>
#include <atomic>
#include <new>

#include "runtime/base/schedule_point.h"

namespace rt {
namespace {

// 8: a small program's threads; every further block doubles the capacity.
constexpr uint32_t kFirstBlockSlotCount = 8;

}  // namespace

QsbrShared::QsbrShared(QsbrMemory memory, QsbrSequence first_sequence)
    : write_sequence_(first_sequence), read_sequence_(first_sequence), memory_(memory) {
  RT_CHECK((first_sequence & 1) == 1, "QSBR-I1", "the first sequence %llu is even",
           static_cast<unsigned long long>(first_sequence));
}

QsbrShared::~QsbrShared() {
  MutexLock lock(mutex_);
  RT_CHECK(in_use_count_ == 0, "QSBR-I3", "%u slots were not released", in_use_count_);
  // relaxed: nobody else uses an object that is being destroyed.
  SlotBlock* block = blocks_.load(std::memory_order_relaxed);
  while (block != nullptr) {
    SlotBlock* const next = block->next;
    memory_.release(block);
    block = next;
  }
}

bool QsbrShared::Prepare() {
  MutexLock lock(mutex_);
  return capacity_count_ != 0 || AddBlockLocked();
}

QsbrSlot* QsbrShared::Reserve(uint64_t owner_id) {
  MutexLock lock(mutex_);
  const bool is_last = free_slots_ == nullptr || free_slots_->next_free == nullptr;
  if (is_last && !AddBlockLocked()) return nullptr;
  return TakeLocked(owner_id);
}

QsbrSlot* QsbrShared::ReserveLast(uint64_t owner_id) {
  MutexLock lock(mutex_);
  if (free_slots_ == nullptr && !AddBlockLocked()) return nullptr;
  return TakeLocked(owner_id);
}

QsbrSlot* QsbrShared::TakeLocked(uint64_t owner_id) {
  RT_CHECK(owner_id != 0, "QSBR-I4", "a slot for nobody");
  QsbrSlot* const slot = free_slots_;
  free_slots_ = slot->next_free;
  slot->next_free = nullptr;
  slot->owner_id = owner_id;
  ++in_use_count_;
  return slot;
}

void QsbrShared::Release(QsbrSlot* slot) {
  RT_CHECK(slot->shared == this, "QSBR-I4", "slot %p belongs elsewhere", static_cast<void*>(slot));
  // relaxed: its thread is detached, and ordered before us or ourselves.
  RT_CHECK(slot->sequence.load(std::memory_order_relaxed) == kQsbrDetached, "QSBR-I3",
           "slot %p is released while attached", static_cast<void*>(slot));
  MutexLock lock(mutex_);
  RT_CHECK(slot->owner_id != 0, "QSBR-I3", "slot %p is released twice", static_cast<void*>(slot));
  --in_use_count_;
  PushFreeLocked(slot);
}

void QsbrShared::PushFreeLocked(QsbrSlot* slot) {
  slot->owner_id = 0;
  slot->next_free = free_slots_;
  free_slots_ = slot;
}

bool QsbrShared::AddBlockLocked() {
  const uint32_t slot_count = std::max(capacity_count_, kFirstBlockSlotCount);
  void* const memory =
      memory_.allocate(sizeof(SlotBlock) + slot_count * sizeof(QsbrSlot), alignof(SlotBlock));
  if (memory == nullptr) return false;
  // relaxed: written under mutex_ only.
  SlotBlock* const block = new (memory)
      SlotBlock{.next = blocks_.load(std::memory_order_relaxed), .slot_count = slot_count};
  for (uint32_t index = slot_count; index > 0; --index) {
    QsbrSlot* const slot = new (&block->slots()[index - 1]) QsbrSlot();
    slot->shared = this;
    PushFreeLocked(slot);
  }
  capacity_count_ += slot_count;
  // (Q12) release store, synchronizes with the acquire load (Q13) in Scan(): the
  //       scanner sees the block's slots constructed.
  blocks_.store(block, std::memory_order_release);
  // (Q14) acq_rel add, synchronizes with the add (Q15) in Scan(), whichever is
  //       second: a scan that misses the block comes before every attach in it.
  block_count_.fetch_add(1, std::memory_order_acq_rel);
  return true;
}

QsbrSequence QsbrShared::Advance() {
  // (Q10) acq_rel add, synchronizes with the acquire loads (Q4), (Q8) and (Q16)
  //       and with the deferred goals (Q11) before it: who sees the new sequence
  //       sees every unlink with a goal up to it, ours and deferred ones.
  return write_sequence_.fetch_add(kQsbrStep, std::memory_order_acq_rel) + kQsbrStep;
}

QsbrSequence QsbrShared::DeferredGoal() {
  // (Q11) acq_rel add of 0, synchronizes with the advance (Q10) that reaches the
  //       goal and through it with the acquire loads (Q4), (Q8) and (Q16): who
  //       sees the goal's sequence sees our unlinks. A load would not do: a
  //       thread could attach at the goal and still read the unlinked pointer.
  return write_sequence_.fetch_add(0, std::memory_order_acq_rel) + kQsbrStep;
}

bool QsbrShared::Poll(const QsbrSlot& slot, QsbrSequence goal) {
  RT_DCHECK(slot.shared == this, "QSBR-I4", "poll with a foreign slot");
  // relaxed: our own slot.
  RT_DCHECK(slot.sequence.load(std::memory_order_relaxed) != kQsbrDetached, "QSBR-I4",
            "poll by a detached thread");
  RT_DCHECK((goal & 1) == 1, "QSBR-I1", "the goal %llu is even",
            static_cast<unsigned long long>(goal));
  if (IsReached(goal)) return true;
  const QsbrSequence reached = Scan();
  RaiseReadSequence(reached);
  return !QsbrBefore(reached, goal);
}

QsbrSequence QsbrShared::Scan() {
  // (Q16) acquire load, synchronizes with the advance (Q10) and through it with
  //       the deferred goal (Q11): the unlinks this scan stands for come before
  //       it, and before whoever attaches behind it.
  QsbrSequence reached = write_sequence_.load(std::memory_order_acquire);
  // (Q15) acq_rel add of 0, synchronizes with the add (Q14) in AddBlockLocked(),
  //       whichever is second: either we see the block, or who attaches in it
  //       sees the unlinks this scan stands for.
  block_count_.fetch_add(0, std::memory_order_acq_rel);
  // (Q13) acquire load, synchronizes with the release store (Q12) in
  //       AddBlockLocked(): we see the block's slots constructed.
  SlotBlock* block = blocks_.load(std::memory_order_acquire);
  for (; block != nullptr; block = block->next) {
    for (uint32_t index = 0; index < block->slot_count; ++index) {
      QsbrSlot& slot = block->slots()[index];
      // (Q6) acquire load, synchronizes with the release store (Q5) in
      //      QuiescentState(): what its thread read before comes before our free.
      QsbrSequence sequence = slot.sequence.load(std::memory_order_acquire);
      if (sequence == kQsbrDetached) {
        // (Q7) acq_rel add of 0, synchronizes with the exchange (Q9) in
        //      Attach(), whichever is second, and with the release store (Q3) in
        //      Detach(): either we see the thread attached, or it sees the
        //      unlinks this scan stands for.
        sequence = slot.sequence.fetch_add(0, std::memory_order_acq_rel);
      }
      if (sequence != kQsbrDetached && QsbrBefore(sequence, reached)) reached = sequence;
    }
  }
  return reached;
}

void QsbrShared::RaiseReadSequence(QsbrSequence reached) {
  // relaxed: the exchange below decides.
  QsbrSequence current = read_sequence_.load(std::memory_order_relaxed);
  while (QsbrBefore(current, reached)) {
    // (Q2) acq_rel exchange, synchronizes with the acquire load (Q1) in
    //      IsReached(): the reads of everyone we waited for come before the free
    //      of who only looks at the read sequence. I2: it never decreases.
    if (read_sequence_.compare_exchange_weak(current, reached, std::memory_order_acq_rel,
                                             std::memory_order_relaxed)) {
      return;
    }
  }
}

uint32_t QsbrShared::slots_in_use_count() const {
  MutexLock lock(mutex_);
  return in_use_count_;
}

uint32_t QsbrShared::slot_capacity_count() const {
  MutexLock lock(mutex_);
  return capacity_count_;
}

void QsbrShared::CheckInvariantsWorldStopped() const {
  MutexLock lock(mutex_);
  // relaxed, here and below: every other thread is stopped, ordered before us.
  const QsbrSequence write = write_sequence_.load(std::memory_order_relaxed);
  const QsbrSequence read = read_sequence_.load(std::memory_order_relaxed);
  RT_CHECK((write & 1) == 1 && (read & 1) == 1 && !QsbrBefore(write, read), "QSBR-I1",
           "read sequence %llu, write sequence %llu", static_cast<unsigned long long>(read),
           static_cast<unsigned long long>(write));
  uint32_t slot_count = 0;
  uint32_t in_use_count = 0;
  for (const SlotBlock* block = blocks_.load(std::memory_order_relaxed); block != nullptr;
       block = block->next) {
    for (uint32_t index = 0; index < block->slot_count; ++index) {
      const QsbrSlot& slot = block->slots()[index];
      const QsbrSequence sequence = slot.sequence.load(std::memory_order_relaxed);
      ++slot_count;
      if (slot.owner_id != 0) ++in_use_count;
      RT_CHECK(slot.shared == this, "QSBR-I4", "slot %u points elsewhere", index);
      RT_CHECK(slot.owner_id != 0 || sequence == kQsbrDetached, "QSBR-I3",
               "a free slot has the sequence %llu", static_cast<unsigned long long>(sequence));
      RT_CHECK(
          sequence == kQsbrDetached ||
              (!QsbrBefore(sequence, read) && !QsbrBefore(write, sequence) && (sequence & 1) == 1),
          "QSBR-I1", "slot of %llu: sequence %llu, read %llu, write %llu",
          static_cast<unsigned long long>(slot.owner_id), static_cast<unsigned long long>(sequence),
          static_cast<unsigned long long>(read), static_cast<unsigned long long>(write));
    }
  }
  uint32_t free_count = 0;
  for (const QsbrSlot* slot = free_slots_; slot != nullptr; slot = slot->next_free) ++free_count;
  RT_CHECK(in_use_count == in_use_count_ && slot_count == capacity_count_ &&
               in_use_count + free_count == slot_count,
           "QSBR-I3", "%u of %u slots in use, %u free; counted %u of %u", in_use_count_,
           capacity_count_, free_count, in_use_count, slot_count);
}

void QsbrShared::BeforeFork() { mutex_.Lock(); }

void QsbrShared::AfterForkParent() { mutex_.Unlock(); }

void QsbrShared::AfterForkChild(QsbrSlot* survivor) {
  // The mutex was held: the list of free slots is whole, and a free slot is left as
  // it is, since a page that is not written is not copied.
  // relaxed, here and below: no other thread exists.
  for (SlotBlock* block = blocks_.load(std::memory_order_relaxed); block != nullptr;
       block = block->next) {
    for (uint32_t index = block->slot_count; index > 0; --index) {
      QsbrSlot* const slot = &block->slots()[index - 1];
      if (slot == survivor || slot->owner_id == 0) continue;
      --in_use_count_;
      slot->sequence.store(kQsbrDetached, std::memory_order_relaxed);
      PushFreeLocked(slot);
    }
  }
  mutex_.AfterForkChild();
}

}  // namespace rt
