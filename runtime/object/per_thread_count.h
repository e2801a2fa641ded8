// Per-thread counts: references to hot objects, counted without sharing a line.
//
// Model.  Every instance holds a reference to its type, so threads that make
// instances of one type would all write its header. A type that a second thread
// begins to use gets a count id (1..; 0 means none) from the interpreter's pool;
// from then on each thread counts the references it takes and drops in a plain
// array of its own, at index id - 1. An object with an id carries a bias in
// `shared`, so that its plain count alone never looks like 0:
//
//   true count = local + (shared >> 2) - bias + sum over threads of values[id - 1]
//
// One thread's value may be negative; only the sum means something, and only a
// stopped world can see it. So an object with an id dies in
// MergePerThreadCountsWorldStopped() and nowhere else: a type that more than one
// thread has used lives on until the next collection, Quiesce() or finalization
// even when its last reference is gone. A type that only its maker used has no
// id and dies at once, as any object.
// Invariants.  INV-UID-1: the true count above is >= 0. INV-UID-2: an id is given
// back only in a stopped world in which every thread's value for it is 0.
// INV-UID-3: an entry of the pool is free, or its object's id field names it.
// INV-UID-4: a finished thread state has no array, and counts plainly. INV-UID-6:
// the pool grows only when no entry is free. INV-UID-7: an immortal object's
// `shared` is never merged into.
// Thread safety.  IncrefPerThread(), DecrefPerThread(): the attached thread;
// AssignCountId(): any attached thread that holds a reference. The array belongs
// to its thread; who clears a thread state that cannot run, or has stopped the
// world, may use it in its place.
// Lock order.  Of PerThreadCountPool::mutex: in a stopped world the mutexes of the
// merge table are taken below it; raw memory is allocated under it, no reference
// is dropped. Fork.  The mutex is object_space.cc's to take and
// to renew; the arrays of dead threads are merged when they are cleared.
// Source.  CPython Python/uniqueid.c, Include/internal/pycore_object.h. Differs:
// ids are given out when a second thread comes, not at creation; an array's
// length follows the id, so nobody reads the pool's size without its mutex; a
// merge finds the dead by counting, not only by collection.

#ifndef RUNTIME_OBJECT_PER_THREAD_COUNT_H_
#define RUNTIME_OBJECT_PER_THREAD_COUNT_H_

#include <cstddef>
#include <cstdint>

#include "runtime/base/atomic.h"
#include "runtime/base/cache_line.h"
#include "runtime/object/object.h"
#include "runtime/object/object_thread.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/type.h"
#include "runtime/sync/mutex.h"

namespace rt {

struct ObjectSpace;

// Index + 1 of an entry of the pool; 0: counted like any object. An object that
// can have one keeps it in a field of its own, which starts at kNoCountId before
// anything of its construction can fail.
using CountId = uint32_t;
using CountIdField = Atomic<CountId>;
inline constexpr CountId kNoCountId = 0;

// 8: the first size of the pool and of a thread's array: one cache line.
inline constexpr uint32_t kSmallestPerThreadCapacity = 8;

struct PerThreadCountEntry {
  Object* object;       // Null: free.
  CountIdField* field;  // Of `object`.
  CountId next_free;    // Of a free entry: the next one, or kNoCountId.
};

struct alignas(kCacheLineBytes) PerThreadCountPool {
  PerThreadCountPool() = default;
  ~PerThreadCountPool();
  PerThreadCountPool(const PerThreadCountPool&) = delete;
  PerThreadCountPool& operator=(const PerThreadCountPool&) = delete;

  Mutex mutex;
  // Set by ClosePerThreadCounts(): no id is given out any more.
  bool closed ABSL_GUARDED_BY(mutex) = false;
  CountId first_free ABSL_GUARDED_BY(mutex) = kNoCountId;
  uint32_t capacity ABSL_GUARDED_BY(mutex) = 0;  // 0 or a power of two.
  uint32_t used_count ABSL_GUARDED_BY(mutex) = 0;
  PerThreadCountEntry* entries ABSL_GUARDED_BY(mutex) = nullptr;
};

// Adds a reference to `object`, whose id field reads `id`. The caller holds one.
inline void IncrefPerThread(ObjectThread& thread, Object* object, CountId id);

// Drops a reference, steals it. Runs destructors only if `id` is kNoCountId or
// has been given back.
inline void DecrefPerThread(ObjectThread& thread, Object* object, CountId id);

// The same for a heap type, as its instances do it. A type gets its id when a
// thread takes a reference that does not own it.
inline void IncrefType(ObjectThread& thread, TypeObject* type);
inline void DecrefType(ObjectThread& thread, TypeObject* type);

// DecrefType() where it is a subtraction and no more. Returns false, having done
// nothing, where it could be the end of the type or has to look further.
[[nodiscard]] inline bool DecrefTypeIfSimple(ObjectThread& thread, TypeObject* type);

// Gives `object` an id, unless it has one. Returns its id, or kNoCountId when it
// can have none: immortal, no memory, or the pool is closed. The caller holds a
// reference. Takes the pool's mutex.
CountId AssignCountId(ObjectThread& thread, Object* object, CountIdField& field);

// Adds what `victim` counted to the objects' shared counts and takes its array
// away for good. `caller` is `victim`, or `victim` cannot run. Drops no
// reference.
void FinishPerThreadCounts(ObjectThread& caller, ObjectThread& victim);

// Merges the arrays of every thread of the caller's space, and gives back the
// ids of the objects whose last reference is gone. The world is stopped. Runs no
// destructor: the dead wait in the caller's trashcan, and the caller empties it
// with DrainTrashcan() when the world runs again. Returns how many died.
size_t MergePerThreadCountsWorldStopped(ObjectThread& caller);

// Takes the id off `object`, which is counted plainly from now on: what a
// collector does with garbage before it drops its references. The world is
// stopped and everything is merged. Does nothing if the object has none.
void ReleaseCountIdWorldStopped(ObjectThread& caller, Object* object);

// Merges as above, then takes the id off every object and gives out no more: the
// first step of the end of an interpreter, so that what is dropped from then on
// dies at once. The caller is alone.
void ClosePerThreadCountsWorldStopped(ObjectThread& caller);

// The id field of an object of a kind that can have one, or null.
[[nodiscard]] CountIdField* CountIdFieldOf(Object* object);

// Adds to `found[stat index]` the references that wait in the arrays. World
// stopped.
void AddPerThreadCountsWorldStopped(ObjectSpace& space, int64_t (&found)[kReferenceTypeCount]);

// Checks the pool and every array (INV-UID-1 to 4, 7). World stopped.
void CheckPerThreadCountInvariantsWorldStopped(ObjectSpace& space);

// Around fork(): see object_space.h.
void PerThreadCountsBeforeFork(PerThreadCountPool& pool);
void PerThreadCountsAfterForkParent(PerThreadCountPool& pool);
void PerThreadCountsAfterForkChild(PerThreadCountPool& pool);

namespace internal {

// The id is kNoCountId, or the array is too short. Cold once a thread has met
// the id.
[[gnu::noinline]] void CountPerThreadSlow(ObjectThread& thread, Object* object, CountId id,
                                          int64_t change);

// A type without an id is used by a thread that does not own it.
[[gnu::noinline]] void IncrefForeignType(ObjectThread& thread, TypeObject* type);

}  // namespace internal

inline void IncrefPerThread(ObjectThread& thread, Object* object, CountId id) {
  CheckAlive(object);
  // Of id 0 the index is the largest there is.
  const size_t index = size_t{id} - 1;
  if (index < thread.per_thread_count_size) [[likely]] {
    ++thread.per_thread_counts[index];
    internal::Account(thread, object, 1);
    return;
  }
  if (id == kNoCountId) {
    Incref(thread, object);
    return;
  }
  internal::CountPerThreadSlow(thread, object, id, 1);
}

inline void DecrefPerThread(ObjectThread& thread, Object* object, CountId id) {
  CheckAlive(object);
  const size_t index = size_t{id} - 1;
  if (index < thread.per_thread_count_size) [[likely]] {
    --thread.per_thread_counts[index];
    internal::Account(thread, object, -1);
    return;
  }
  if (id == kNoCountId) {
    Decref(thread, object);
    return;
  }
  internal::CountPerThreadSlow(thread, object, id, -1);
}

inline void IncrefType(ObjectThread& thread, TypeObject* type) {
  CheckAlive(&type->header);
  // relaxed: an id that is seen too late costs a shared count, no more.
  const CountId id = type->count_id.load(std::memory_order_relaxed);
  // The common case first, in one comparison: of id 0 the index is the largest.
  const size_t index = size_t{id} - 1;
  if (index < thread.per_thread_count_size) [[likely]] {
    ++thread.per_thread_counts[index];
    internal::Account(thread, &type->header, 1);
    return;
  }
  // relaxed: equal only if we wrote it ourselves.
  if (id == kNoCountId && type->header.owner.load(std::memory_order_relaxed) != thread.owner_id)
      [[unlikely]] {
    internal::IncrefForeignType(thread, type);
    return;
  }
  IncrefPerThread(thread, &type->header, id);
}

inline void DecrefType(ObjectThread& thread, TypeObject* type) {
  // relaxed: as in IncrefType().
  DecrefPerThread(thread, &type->header, type->count_id.load(std::memory_order_relaxed));
}

inline bool DecrefTypeIfSimple(ObjectThread& thread, TypeObject* type) {
  CheckAlive(&type->header);
  // relaxed, all: as in IncrefType() and Decref().
  const CountId id = type->count_id.load(std::memory_order_relaxed);
  const size_t index = size_t{id} - 1;
  if (index < thread.per_thread_count_size) {
    --thread.per_thread_counts[index];
  } else {
    const uint32_t local = type->header.local.load(std::memory_order_relaxed);
    if (id != kNoCountId || local < 2 ||
        type->header.owner.load(std::memory_order_relaxed) != thread.owner_id) {
      return false;
    }
    type->header.local.store(local - 1, std::memory_order_relaxed);
  }
  internal::Account(thread, &type->header, -1);
  return true;
}

}  // namespace rt

#endif  // RUNTIME_OBJECT_PER_THREAD_COUNT_H_
