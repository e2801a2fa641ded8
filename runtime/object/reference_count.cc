#include "runtime/object/reference_count.h"

#include "runtime/alloc/immortal_block.h"
#include "runtime/base/check.h"
#include "runtime/object/destroy.h"
#include "runtime/object/instance.h"
#include "runtime/object/merge_queue.h"
#include "runtime/object/new_reference.h"
#include "runtime/object/number.h"
#include "runtime/object/tracking.h"
#include "runtime/object/type.h"

namespace rt {
void ReportDeadObject(const Object* object) {
  // Read for AddressSanitizer to see; the compiler must not drop it.
  const uintptr_t type_word = *reinterpret_cast<const volatile uintptr_t*>(
      reinterpret_cast<const char*>(object) + offsetof(Object, type));
  RT_CHECK(false, "INV-ALIVE", "object %p is used after it died (type %#zx)",
           static_cast<const void*>(object), static_cast<size_t>(type_word));
  __builtin_unreachable();
}

void NewReference(ObjectThread& thread, Object* object, TypeObject* type) {
  NewReferenceInline(thread, object, type);
}

void SetMaybeWeakref(Object* object) {
  // relaxed: rechecked by the exchange.
  int64_t shared = object->shared.load(std::memory_order_relaxed);
  do {
    if ((shared & kSharedFlagMask) != kSharedInitial) return;
    // (B6) release on success, synchronizes with the acquire (B5) in
    //      TryIncrefShared(): who succeeds sees the object we made.
  } while (!object->shared.compare_exchange_weak(
      shared, shared | kSharedMaybeWeakref, std::memory_order_release, std::memory_order_relaxed));
}

void IncrefMaybeWeakref(ObjectThread& thread, Object* object) {
  CheckAlive(object);
  if (IsImmortal(object)) return;
  // relaxed: equal only if we wrote it ourselves.
  if (object->owner.load(std::memory_order_relaxed) == thread.owner_id) {
    // The owner's TryIncref() never looks at the flag.
    Incref(thread, object);
    return;
  }
  // relaxed: rechecked by the exchange.
  int64_t shared = object->shared.load(std::memory_order_relaxed);
  int64_t desired;
  do {
    if (shared >= kImmortalSharedThreshold) return;
    desired = shared + kSharedOne;
    if ((shared & kSharedFlagMask) == kSharedInitial) {
      desired |= kSharedMaybeWeakref;
    }
    // (B11) release on success, synchronizes with the acquire (B5) in
    //       TryIncrefShared(): who succeeds sees the object as we see it under
    //       the lock.
  } while (!object->shared.compare_exchange_weak(shared, desired, std::memory_order_release,
                                                 std::memory_order_relaxed));
  internal::Account(thread, object, 1);
}

int64_t ExplicitMerge(ObjectThread& thread, Object* object, int64_t extra) {
  const uint8_t stat_index = internal::StatIndexOf(object);
  // relaxed: we are the owner, or the owner is stopped or gone, which a mutex
  // or the stop has ordered.
  const int64_t local = object->local.load(std::memory_order_relaxed);
  RT_CHECK(local != kImmortalLocal, "INV-B-6", "merging an immortal object");
  // Before the exchange: once the merged count can be seen, somebody may drop
  // the last reference and the memory may be another object's.
  // relaxed: published by (B7).
  object->local.store(0, std::memory_order_relaxed);
  object->owner.store(kNoOwner, std::memory_order_relaxed);
  int64_t shared = object->shared.load(std::memory_order_relaxed);
  int64_t count;
  do {
    count = (shared >> kSharedShift) + local + extra;
    // (B7) acquire and release on success. Acquire, synchronizes with (B4) in
    //      DecrefShared() and (B14): if the count is 0, destroying comes after
    //      everything others did with their references. Release, synchronizes with (B4)
    //      and with (B5) in TryIncrefShared(): whoever sees the merged count
    //      sees local and owner gone, and what the owner did.
  } while (!object->shared.compare_exchange_weak(shared, (count * kSharedOne) | kSharedMerged,
                                                 std::memory_order_acq_rel,
                                                 std::memory_order_relaxed));
  RT_CHECK(count >= 0, "INV-B-1", "count %lld after a merge", static_cast<long long>(count));
  internal::AccountIndex(thread, stat_index, extra);
  thread.counters->Add(Counter::kExplicitMerges);
  return count;
}

bool MakeImmortal(ObjectThread& thread, Object* object) {
  CheckAlive(object);
  // relaxed: equal only if we wrote it ourselves.
  const uint32_t local = object->local.load(std::memory_order_relaxed);
  if (local == kImmortalLocal) return true;
  if (object->owner.load(std::memory_order_relaxed) != thread.owner_id) {
    return false;
  }
  // relaxed: rechecked by the exchange.
  int64_t shared = object->shared.load(std::memory_order_relaxed);
  do {
    if ((shared & kSharedFlagMask) == kSharedQueued) return false;
    // relaxed: freezes the shared count, and hands over nothing. Threads that
    // still see the object mortal find the frozen value and do not account.
  } while (!object->shared.compare_exchange_weak(shared, kImmortalShared, std::memory_order_relaxed,
                                                 std::memory_order_relaxed));
  // What other threads count for it in their arrays is taken off when those are
  // merged (INV-UID-7).
  if (HasPerThreadBias(shared)) shared -= kPerThreadBias;
  const int64_t count = (shared >> kSharedShift) + local;
  internal::Account(thread, object, -count);
  // relaxed: sticky; we are the owner, INV-B-4, and give the ownership up.
  object->local.store(kImmortalLocal, std::memory_order_relaxed);
  object->owner.store(kNoOwner, std::memory_order_relaxed);
  // It may go with its heap; that is no leak.
  HeapNoteImmortal(reinterpret_cast<char*>(object) - TypeOf(object)->prefix_bytes);
  return true;
}

void ResurrectStart(ObjectThread& thread, Object* object) {
  // relaxed: a dead object's counts change no more, but by us.
  const int64_t shared = object->shared.load(std::memory_order_relaxed);
  internal::Account(thread, object, 1);
  Track(thread, object);
  if (shared == kSharedInitial) {
    RT_DCHECK(object->owner.load(std::memory_order_relaxed) == thread.owner_id, "INV-B-4",
              "a foreign thread destroys an object with owner");
    // relaxed: only we look at it, INV-B-4.
    object->local.store(1, std::memory_order_relaxed);
    return;
  }
  RT_CHECK(shared == kSharedMerged, "INV-B-1", "resurrecting a live object");
  // (B10) release store, synchronizes with the acquire (B5) in
  //       TryIncrefShared(): a reader that still probes the object may succeed
  //       now, and even be the one that drops the last reference.
  object->shared.store(kSharedOne | kSharedMerged, std::memory_order_release);
}

int64_t TrueCount(const Object* object) {
  // relaxed, both: the object is at rest.
  int64_t shared = object->shared.load(std::memory_order_relaxed);
  if (HasPerThreadBias(shared)) shared -= kPerThreadBias;
  return (shared >> kSharedShift) + object->local.load(std::memory_order_relaxed);
}

namespace internal {

void IncrefSlow(ObjectThread& thread, Object* object) {
  if (IsImmortal(object)) return;
  // relaxed, all: as in Incref().
  if (object->owner.load(std::memory_order_relaxed) == thread.owner_id) {
    // One more would mean immortal: move all but one into the shared count. The
    // true count is never too small in between.
    const int64_t moved = int64_t{object->local.load(std::memory_order_relaxed)} - 1;
    object->shared.fetch_add(moved * kSharedOne, std::memory_order_relaxed);
    object->local.store(1 + 1, std::memory_order_relaxed);
  } else {
    object->shared.fetch_add(kSharedOne, std::memory_order_relaxed);
  }
  Account(thread, object, 1);
}

void MergeZeroLocal(ObjectThread& thread, Object* object) {
  // (B1) acquire load, synchronizes with the releases (B4) and (B14) of others:
  //      a foreign thread's increment and decrement may have cancelled out
  //      here; destroying must still come after its last access.
  int64_t shared = object->shared.load(std::memory_order_acquire);
  if (shared == kSharedInitial) {
    // Nobody else can take a reference: no need to merge. `owner` stays.
    // relaxed: our own; an index but 0 belongs to one type.
    if (object->stat_index.load(std::memory_order_relaxed) == kStatIndexNumber) {
      // Refers to nothing, so neither depth nor trashcan matter.
      DestroyOwnNumber(thread, object);
    } else if (object->type->kind == TypeKind::kInstance) {
      DestroyOwnInstance(thread, object);
    } else {
      Destroy(thread, object);
    }
    return;
  }
  // Before the exchange, as in ExplicitMerge(). relaxed: published by (B2).
  object->owner.store(kNoOwner, std::memory_order_relaxed);
  int64_t desired;
  do {
    desired = (shared & ~kSharedFlagMask) | kSharedMerged;
    // (B2) acquire and release on success, for the reasons that
    //      ExplicitMerge() gives: acquire, synchronizes with (B4) in
    //      DecrefShared() and (B14); release, synchronizes with (B4) and with (B5) in
    //      TryIncrefShared().
  } while (!object->shared.compare_exchange_weak(shared, desired, std::memory_order_acq_rel,
                                                 std::memory_order_relaxed));
  if (desired == kSharedMerged) {
    Destroy(thread, object);
  } else {
    thread.counters->Add(Counter::kObjectsMergedLocally);
  }
}

void DecrefShared(ObjectThread& thread, Object* object) {
  const uint8_t stat_index = StatIndexOf(object);
  // relaxed: rechecked by the exchange.
  int64_t shared = object->shared.load(std::memory_order_relaxed);
  int64_t desired;
  bool queue;
  do {
    // Became immortal after the caller looked at `local`.
    if (shared >= kImmortalSharedThreshold) return;
    RT_DCHECK(shared != kSharedMerged, "INV-B-1", "dropping a reference that is not there");
    queue = shared == kSharedInitial || shared == kSharedMaybeWeakref;
    // Queued: the reference is not subtracted, it goes along.
    desired = queue ? kSharedQueued : shared - kSharedOne;
    // (B4) acquire and release on success. Release, synchronizes with (B1) and
    //      (B2) in MergeZeroLocal(), (B7) in ExplicitMerge(), (B9) in
    //      IsUniquelyReferenced() and (B4) in another thread: who finds the
    //      count at 0, or itself alone, sees what we did to the object.
    //      Acquire, synchronizes with (B2), (B4), (B7) and (B14): if that is
    //      us, we see what the others did before we destroy it.
  } while (!object->shared.compare_exchange_weak(shared, desired, std::memory_order_acq_rel,
                                                 std::memory_order_relaxed));
  if (queue) {
    QueueForMerge(thread, object);
    return;
  }
  AccountIndex(thread, stat_index, -1);
  if (desired == kSharedMerged) Destroy(thread, object);
}

bool TryIncrefShared(ObjectThread& thread, Object* object) {
  // relaxed: rechecked by the exchange.
  int64_t shared = object->shared.load(std::memory_order_relaxed);
  do {
    if (shared >= kImmortalSharedThreshold) return true;
    // Dead, or nobody but the owner may know how many references there are.
    if (shared == kSharedInitial || shared == kSharedMerged) {
      thread.counters->Add(Counter::kTryIncrefFailures);
      return false;
    }
    // (B5) acquire on success, synchronizes with the releases (B2), (B6), (B7),
    //      (B10), (B11) and (B12) that let us in: the object, as it was made,
    //      is visible to us; and our check of the place comes after.
  } while (!object->shared.compare_exchange_weak(
      shared, shared + kSharedOne, std::memory_order_acquire, std::memory_order_relaxed));
  Account(thread, object, 1);
  return true;
}

}  // namespace internal
}  // namespace rt
