// Quiescent-state based reclamation (QSBR): tells when memory unlinked from a
// shared structure may be freed while other threads read it without a lock.
//
// Model.  One write sequence per interpreter, odd, growing by 2. Who unlinks
// memory takes a goal: Advance() moves the write sequence and returns the new
// value, DeferredGoal() returns the value the next advance will reach. An
// attached thread publishes in its slot the write sequence it saw when it was
// last quiescent (held no pointer into shared structures); a detached thread, 0.
// Poll(goal) is true once no attached thread's slot is before the goal; what it
// finds is remembered in the read sequence. Whoever takes a deferred goal must
// see to it that somebody advances: nothing here does it by itself.
// Invariants.  I1: read_sequence_ <= every non-zero slot <= write_sequence_,
// all odd. I2: none of them decreases (a slot: while attached). I3: slots in use
// plus free slots are the capacity, and a free slot's sequence is 0. I4: a slot
// is used by the thread state it was reserved for, and points to its QsbrShared.
// Between a thread's first store in Attach() and its second, its slot may be
// before the read sequence; the thread has not read anything yet.
// Thread safety.  Advance(), DeferredGoal(), Poll(): any attached thread.
// IsReached(): any thread. Attach(), Detach(), QuiescentState(): the thread the
// slot stands for. Reserve(), Release(): any thread.
// Lock order.  mutex_ is a leaf; none of the functions for slots in use takes it.
// Nothing here waits for another thread's progress.
// Fork.  BeforeFork() takes the mutex; AfterForkChild() frees every slot but the
// caller's.
// Orders.  No fences. A detached slot hides whether its thread is about to
// attach, so both sides make it a read-modify-write of the slot: Attach()
// exchanges it, the scan adds 0. Whichever is second sees the other: either the
// scan sees the sequence, or the attaching thread sees every unlink the scan
// stands for. A scan that misses a slot block altogether is ordered in the same
// way by block_count_, and an unlink whose goal was deferred by
// write_sequence_, which DeferredGoal() therefore also adds 0 to.
// Source.  CPython Python/qsbr.c. Differs: slots never move, so that reserving
// one stops nobody; no fence; a deferred goal is ordered by a read-modify-write,
// where a plain load lets a thread that attaches behind another thread's
// advance still see the unlinked pointer.
#ifndef RUNTIME_QSBR_QSBR_H_
#define RUNTIME_QSBR_QSBR_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "runtime/base/atomic.h"
#include "runtime/base/cache_line.h"
#include "runtime/base/check.h"
#include "runtime/base/schedule_point.h"
#include "runtime/qsbr/qsbr_slot.h"
#include "runtime/sync/mutex.h"

namespace rt {

// Where slot blocks come from. `allocate` returns null when memory is short.
struct QsbrMemory {
  void* (*allocate)(std::size_t bytes, std::size_t alignment);
  void (*release)(void* memory);
};

class QsbrShared {
 public:
  // `memory` is called with mutex_ held. `first_sequence` is odd; tests and
  // debug builds start near the wrap.
  explicit QsbrShared(QsbrMemory memory, QsbrSequence first_sequence = kQsbrFirstSequence);
  // Every slot must have been released.
  ~QsbrShared();
  QsbrShared(const QsbrShared&) = delete;
  QsbrShared& operator=(const QsbrShared&) = delete;

  // Makes the first slots. Returns false when memory is short. Call it before
  // ReserveLast() is to be relied on.
  [[nodiscard]] bool Prepare() ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns a detached slot for the thread state `owner_id` (not 0), or null
  // when memory is short. The slot's address is good until Release(). Once
  // prepared it leaves a free slot.
  [[nodiscard]] QsbrSlot* Reserve(uint64_t owner_id) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same from that last free slot: for who has to go on when there is no
  // memory. Returns null when another one has it and memory is short.
  [[nodiscard]] QsbrSlot* ReserveLast(uint64_t owner_id) ABSL_LOCKS_EXCLUDED(mutex_);
  // Gives back a detached slot. Any thread.
  void Release(QsbrSlot* slot) ABSL_LOCKS_EXCLUDED(mutex_);

  // Starts a stretch in which the thread may read shared structures.
  void Attach(QsbrSlot& slot);
  // Ends it: the thread holds no pointer into shared structures any more.
  void Detach(QsbrSlot& slot);
  // Says that the attached thread holds no such pointer right now.
  void QuiescentState(QsbrSlot& slot);

  // Moves the write sequence and returns its new value: the goal of everything
  // the caller has unlinked so far.
  QsbrSequence Advance();
  // Returns the goal of everything the caller has unlinked so far without
  // moving the write sequence: reached only after somebody advances.
  QsbrSequence DeferredGoal();

  // Returns whether memory with this goal may be freed, scanning the slots if
  // need be. `slot` is the caller's, and attached. Never waits.
  [[nodiscard]] bool Poll(const QsbrSlot& slot, QsbrSequence goal);
  // Returns whether a scan has already found that `goal` is reached. O(1).
  [[nodiscard]] bool IsReached(QsbrSequence goal) const;

  QsbrSequence write_sequence() const {
    // relaxed: a statistic, orders nothing.
    return write_sequence_.load(std::memory_order_relaxed);
  }
  QsbrSequence read_sequence() const {
    // relaxed: a statistic, orders nothing.
    return read_sequence_.load(std::memory_order_relaxed);
  }
  // Slots reserved, attached or not.
  uint32_t slots_in_use_count() const ABSL_LOCKS_EXCLUDED(mutex_);
  uint32_t slot_capacity_count() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Checks I1, I3 and I4. No other thread may be inside this object.
  void CheckInvariantsWorldStopped() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Around fork(), by the forking thread, which may be attached.
  void BeforeFork() ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex_);
  void AfterForkParent() ABSL_UNLOCK_FUNCTION(mutex_);
  // Frees every slot but `survivor`, which may be null. The slots of threads
  // that do not exist any more must not be used again.
  void AfterForkChild(QsbrSlot* survivor) ABSL_UNLOCK_FUNCTION(mutex_);

 private:
  // A block of slots; the first of them follows the header in its own line.
  struct alignas(kCacheLineBytes) SlotBlock {
    SlotBlock* next;
    uint32_t slot_count;
    QsbrSlot* slots() { return reinterpret_cast<QsbrSlot*>(this + 1); }
    const QsbrSlot* slots() const { return reinterpret_cast<const QsbrSlot*>(this + 1); }
  };

  QsbrSlot* TakeLocked(uint64_t owner_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool AddBlockLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PushFreeLocked(QsbrSlot* slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns the least sequence of an attached slot, or the write sequence at
  // the start of the scan if that is less.
  QsbrSequence Scan();
  void RaiseReadSequence(QsbrSequence reached);

  alignas(kCacheLineBytes) Atomic<QsbrSequence> write_sequence_;
  alignas(kCacheLineBytes) Atomic<QsbrSequence> read_sequence_;
  // Counts the blocks; orders scans against additions (class comment).
  Atomic<uint32_t> block_count_;
  Atomic<SlotBlock*> blocks_;

  alignas(kCacheLineBytes) mutable Mutex mutex_;
  QsbrSlot* free_slots_ ABSL_GUARDED_BY(mutex_) = nullptr;
  uint32_t in_use_count_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t capacity_count_ ABSL_GUARDED_BY(mutex_) = 0;
  const QsbrMemory memory_;
};

inline bool QsbrShared::IsReached(QsbrSequence goal) const {
  // (Q1) acquire load, synchronizes with the release exchange (Q2) in
  //      RaiseReadSequence(): what readers did before the scan that reached
  //      the goal comes before the caller's free.
  return !QsbrBefore(read_sequence_.load(std::memory_order_acquire), goal);
}

inline void QsbrShared::Detach(QsbrSlot& slot) {
  RT_DCHECK(slot.shared == this, "QSBR-I4", "detach through a foreign slot");
  // (Q3) release store, synchronizes with the read-modify-write (Q7) in Scan():
  //      our reads of shared memory come before the scanner's free.
  slot.sequence.store(kQsbrDetached, std::memory_order_release);
}

inline void QsbrShared::QuiescentState(QsbrSlot& slot) {
  RT_DCHECK(slot.shared == this, "QSBR-I4", "quiescent state in a foreign slot");
  // (Q4) acquire load, synchronizes with the advance (Q10) and through it with
  //      the deferred goal (Q11): we see every unlink whose goal is up to `seen`.
  const QsbrSequence seen = write_sequence_.load(std::memory_order_acquire);
  // (Q5) release store, synchronizes with the acquire load (Q6) in Scan():
  //      our reads of shared memory come before the scanner's free.
  slot.sequence.store(seen, std::memory_order_release);
}

inline void QsbrShared::Attach(QsbrSlot& slot) {
  RT_DCHECK(slot.shared == this, "QSBR-I4", "attach through a foreign slot");
  // (Q8) acquire load, synchronizes with the advance (Q10) and through it with
  //      the deferred goal (Q11): we see every unlink whose goal is up to `seen`.
  QsbrSequence seen = write_sequence_.load(std::memory_order_acquire);
  RT_SCHEDULE_POINT("qsbr.attach.sequence_read");
  // (Q9) acq_rel exchange, synchronizes with the read-modify-write (Q7) in
  //      Scan(), whichever is second: a scan that took us for detached comes
  //      before all we read from here on, and with it the unlinks it covers.
  const QsbrSequence before = slot.sequence.exchange(seen, std::memory_order_acq_rel);
  RT_CHECK(before == kQsbrDetached, "QSBR-I4", "slot %p is attached twice",
           static_cast<void*>(&slot));
  // Between the load and the exchange nobody waited for us, and the sequences
  // may have moved far. Catching up keeps I1, and spares others an old sequence.
  QuiescentState(slot);
}

}  // namespace rt

#endif  // RUNTIME_QSBR_QSBR_H_
