// The inline paths of reference_count.h; include that header instead.
//
// Model.  Whatever is not the common case is a call that keeps the object and
// the thread in registers.

#ifndef RUNTIME_OBJECT_REFERENCE_COUNT_INL_H_
#define RUNTIME_OBJECT_REFERENCE_COUNT_INL_H_

#include <atomic>
#include <cstdint>

#include "runtime/base/check.h"
#include "runtime/base/config.h"
#include "runtime/object/object.h"
#include "runtime/object/object_thread.h"

namespace rt {

// Dies: `object` is used after it died. Touches the type word first, so that
// AddressSanitizer reports the use with both stacks where it is in.
[[noreturn, gnu::cold, gnu::noinline]] void ReportDeadObject(const Object* object);

namespace internal {

// The owner's count is about to run over.
[[gnu::cold, gnu::noinline]] void IncrefSlow(ObjectThread& thread, Object* object);
// The owner's count has just become 0.
[[gnu::noinline]] void MergeZeroLocal(ObjectThread& thread, Object* object);
[[gnu::noinline]] void DecrefShared(ObjectThread& thread, Object* object);
[[gnu::noinline]] bool TryIncrefShared(ObjectThread& thread, Object* object);

// Accounts for `count` references to `object` in the totals of `thread`.
inline void Account([[maybe_unused]] ObjectThread& thread, [[maybe_unused]] const Object* object,
                    [[maybe_unused]] int64_t count) {
#if RT_REFERENCE_TOTALS
  // relaxed: constant while the object lives; who found the object without a
  // reference has ordered it by the acquire in TryIncrefShared().
  thread.counters->AddReferences(object->stat_index.load(std::memory_order_relaxed), count);
#endif
}

// The same by the index, for who may not read the object any more.
inline void AccountIndex([[maybe_unused]] ObjectThread& thread, [[maybe_unused]] uint8_t stat_index,
                         [[maybe_unused]] int64_t count) {
#if RT_REFERENCE_TOTALS
  thread.counters->AddReferences(stat_index, count);
#endif
}

// For AccountIndex(), read at the last moment at which the object is surely alive.
inline uint8_t StatIndexOf(const Object* object) {
  // relaxed: constant while the object lives, and the caller holds a reference.
  return object->stat_index.load(std::memory_order_relaxed);
}

// Drops a foreign thread's reference that is certainly not the last of `shared`: no
// queue, no merge, no end. Returns false, having done nothing, where it could be,
// and where another thread came between. Inline because an atomic operation waits
// for every store before it, those of a call included.
inline bool DropOneOfSeveral(ObjectThread& thread, Object* object) {
  // relaxed: rechecked by the exchange.
  int64_t shared = object->shared.load(std::memory_order_relaxed);
  if (shared < 2 * kSharedOne || shared >= kImmortalSharedThreshold) return false;
  const uint8_t stat_index = StatIndexOf(object);
  // (B14) release on success, as (B4): synchronizes with (B1) and (B2) in
  //       MergeZeroLocal(), (B4) in DecrefShared(), (B7) in ExplicitMerge() and
  //       (B9) in IsUniquelyReferenced(): who drops the last reference, or finds
  //       itself alone, sees what we did to the object.
  if (!object->shared.compare_exchange_strong(
          shared, shared - kSharedOne, std::memory_order_release, std::memory_order_relaxed)) {
    return false;
  }
  AccountIndex(thread, stat_index, -1);
  return true;
}

}  // namespace internal

// Dies if `object` is marked dead; compiled out without RT_CHECKS.
inline void CheckAlive([[maybe_unused]] const Object* object) {
#if RT_CHECKS
  // relaxed: a dead object's mark was written by who dropped the last
  // reference; seeing it at all means that the caller had none.
  if (object->stat_index.load(std::memory_order_relaxed) >= kReferenceTypeCount) [[unlikely]] {
    ReportDeadObject(object);
  }
#endif
}

inline bool IsImmortal(const Object* object) {
  // relaxed: sticky; who sees it late counts for nothing (DecrefShared()).
  return object->local.load(std::memory_order_relaxed) == kImmortalLocal;
}

inline void Incref(ObjectThread& thread, Object* object) {
  CheckAlive(object);
  // relaxed: only the owner's own writes matter to it; others look for
  // kImmortalLocal, which is sticky.
  const uint32_t local = object->local.load(std::memory_order_relaxed);
  // relaxed: equal only if we wrote it ourselves. An immortal object has no owner.
  if (object->owner.load(std::memory_order_relaxed) == thread.owner_id) [[likely]] {
    const uint32_t sum = local + 1;
    // By its sign: the addition has told it already.
    if (static_cast<int32_t>(sum) < 0) [[unlikely]] {
      internal::IncrefSlow(thread, object);
      return;
    }
    // relaxed: only the owner writes, INV-B-4.
    object->local.store(sum, std::memory_order_relaxed);
    internal::Account(thread, object, 1);
    return;
  }
  if (local == kImmortalLocal) return;
  // relaxed: the caller's reference keeps the object alive; taking another
  // orders nothing.
  [[maybe_unused]] const int64_t before =
      object->shared.fetch_add(kSharedOne, std::memory_order_relaxed);
#if RT_REFERENCE_TOTALS
  if (before >= kImmortalSharedThreshold) [[unlikely]]
    return;
#endif
  internal::Account(thread, object, 1);
}

inline void Decref(ObjectThread& thread, Object* object) {
  CheckAlive(object);
  // relaxed: as in Incref().
  const uint32_t local = object->local.load(std::memory_order_relaxed);
  // relaxed: equal only if we wrote it ourselves. An immortal object has no owner.
  if (object->owner.load(std::memory_order_relaxed) == thread.owner_id) [[likely]] {
    RT_DCHECK(local != 0, "INV-B-1", "dropping a reference that is not there");
    internal::Account(thread, object, -1);
    const uint32_t rest = local - 1;
    // relaxed: only the owner writes, INV-B-4.
    object->local.store(rest, std::memory_order_relaxed);
    if (rest == 0) [[unlikely]]
      internal::MergeZeroLocal(thread, object);
    return;
  }
  if (local == kImmortalLocal) return;
  if (!internal::DropOneOfSeveral(thread, object)) internal::DecrefShared(thread, object);
}

inline void DecrefIfNotNull(ObjectThread& thread, Object* object) {
  if (object != nullptr) Decref(thread, object);
}

inline bool TryIncref(ObjectThread& thread, Object* object) {
  // relaxed: sticky, or only written by us when we are the owner; a dead
  // object's is 0.
  const uint32_t local = object->local.load(std::memory_order_relaxed);
  if (local == kImmortalLocal) [[unlikely]]
    return true;
  // relaxed: equal only if we wrote it, so the object is alive unless we
  // ourselves are destroying it, when local is 0. A link is never an id.
  if (object->owner.load(std::memory_order_relaxed) == thread.owner_id) {
    if (local == 0) [[unlikely]]
      return false;
    if (local == kImmortalLocal - 1) [[unlikely]] {
      internal::IncrefSlow(thread, object);
      return true;
    }
    // relaxed: only the owner writes, INV-B-4.
    object->local.store(local + 1, std::memory_order_relaxed);
    internal::Account(thread, object, 1);
    return true;
  }
  return internal::TryIncrefShared(thread, object);
}

inline bool IsUniquelyReferenced(const ObjectThread& thread, const Object* object) {
  // relaxed: the owner's own fields, INV-B-4.
  return object->local.load(std::memory_order_relaxed) == 1 &&
         object->owner.load(std::memory_order_relaxed) == thread.owner_id &&
         // (B9) acquire load, synchronizes with the releases (B4) in
         //      DecrefShared() and (B14): what others did to the object while they had
         //      references comes before what the caller does to it alone.
         object->shared.load(std::memory_order_acquire) == kSharedInitial;
}

}  // namespace rt

#endif  // RUNTIME_OBJECT_REFERENCE_COUNT_INL_H_
