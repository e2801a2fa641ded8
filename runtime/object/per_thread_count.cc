#include "runtime/object/per_thread_count.h"

#include <bit>
#include <cstring>

#include "runtime/base/check.h"
#include "runtime/base/raw_memory.h"
#include "runtime/base/slow_path_point.h"
#include "runtime/object/destroy.h"
#include "runtime/object/dict.h"
#include "runtime/object/merge_queue.h"
#include "runtime/object/object_space.h"
#include "runtime/object/type.h"

namespace rt {
namespace {

PerThreadCountPool& PoolOf(const ObjectThread& thread) { return thread.space->per_thread_counts; }

// Calls `action(thread)` for every thread of the space that has not left it.
template <typename Action>
void ForEachThread(ObjectSpace& space, Action action) {
  for (MergeBucket& bucket : space.merge_table.buckets) {
    MutexLock lock(bucket.mutex);
    for (MergeQueueThread* queue = bucket.first; queue != nullptr; queue = queue->next) {
      action(*queue->thread);
    }
  }
}

// Makes more free entries, when none is left. Returns false when out of memory.
bool GrowLocked(PerThreadCountPool& pool) ABSL_EXCLUSIVE_LOCKS_REQUIRED(pool.mutex) {
  RT_CHECK(pool.first_free == kNoCountId, "INV-UID-6", "growing a pool that has free entries");
  uint32_t capacity = pool.capacity == 0 ? kSmallestPerThreadCapacity : pool.capacity * 2;
  if (TakesSlowPath("object.count_pool_growth")) capacity = pool.capacity + 1;
  auto* entries = static_cast<PerThreadCountEntry*>(
      RawAllocate(capacity * sizeof(PerThreadCountEntry), alignof(PerThreadCountEntry)));
  if (entries == nullptr) return false;
  if (pool.capacity != 0) {
    memcpy(entries, pool.entries, pool.capacity * sizeof(PerThreadCountEntry));
  }
  // The lowest id on top: arrays stay short.
  for (uint32_t i = capacity; i > pool.capacity; --i) {
    entries[i - 1] = {nullptr, nullptr, pool.first_free};
    pool.first_free = i;
  }
  RawFree(pool.entries);
  pool.entries = entries;
  pool.capacity = capacity;
  return true;
}

// Adds the bias to `shared`. Returns false if the object is immortal.
bool AddBias(Object* object) {
  // relaxed, all: the caller's reference, or the one it borrows, is dropped
  // after this, so nobody finds the plain count at 0 before the bias is there;
  // and what the count protects is ordered by the stop in which the bias goes.
  int64_t shared = object->shared.load(std::memory_order_relaxed);
  do {
    if (shared >= kImmortalSharedThreshold) return false;
  } while (!object->shared.compare_exchange_weak(
      shared, shared + kPerThreadBias, std::memory_order_relaxed, std::memory_order_relaxed));
  return true;
}

// Moves `count` references from an array to the object's shared count.
void MergeValue(ObjectThread& caller, Object* object, int64_t count) {
  // relaxed, all: ordered as in AddBias().
  int64_t shared = object->shared.load(std::memory_order_relaxed);
  do {
    if (shared >= kImmortalSharedThreshold) {
      // INV-UID-7: its count is frozen, and these references were accounted.
      internal::Account(caller, object, -count);
      return;
    }
    RT_DCHECK(HasPerThreadBias(shared), "INV-UID-1", "merging into an object without a bias");
  } while (!object->shared.compare_exchange_weak(
      shared, shared + count * kSharedOne, std::memory_order_relaxed, std::memory_order_relaxed));
}

void MergeArrayLocked(PerThreadCountPool& pool, ObjectThread& caller, ObjectThread& thread)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(pool.mutex) {
  for (uint32_t i = 0; i < thread.per_thread_count_size; ++i) {
    const int64_t count = thread.per_thread_counts[i];
    if (count == 0) continue;
    RT_CHECK(i < pool.capacity && pool.entries[i].object != nullptr, "INV-UID-2",
             "%lld references to an object without an id", static_cast<long long>(count));
    thread.per_thread_counts[i] = 0;
    MergeValue(caller, pool.entries[i].object, count);
  }
}

void MergeAllLocked(PerThreadCountPool& pool, ObjectThread& caller)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(pool.mutex) {
  ForEachThread(*caller.space, [&](ObjectThread& thread) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    MergeArrayLocked(pool, caller, thread);
  });
}

// Puts the entry of `id` on the free chain and the object back to plain counts,
// merged, since its shared count alone may be below 0. Every value is 0.
void ReleaseLocked(PerThreadCountPool& pool, ObjectThread& caller, CountId id)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(pool.mutex) {
  PerThreadCountEntry& entry = pool.entries[id - 1];
  Object* const object = entry.object;
  // relaxed, all: the world is stopped.
  if (!IsImmortal(object)) {
    const int64_t count = TrueCount(object);
    RT_CHECK(count >= 0, "INV-UID-1", "%lld references to an object that loses its id",
             static_cast<long long>(count));
    object->local.store(0, std::memory_order_relaxed);
    object->owner.store(kNoOwner, std::memory_order_relaxed);
    object->shared.store((count * kSharedOne) | kSharedMerged, std::memory_order_relaxed);
  }
  entry.field->store(kNoCountId, std::memory_order_relaxed);
  entry = {nullptr, nullptr, pool.first_free};
  pool.first_free = id;
  --pool.used_count;
  caller.counters->Add(Counter::kCountIdsReleased);
}

// Gives back the ids of the dead and puts those aside. With `all`, gives back
// every id.
size_t SweepLocked(PerThreadCountPool& pool, ObjectThread& caller, bool all)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(pool.mutex) {
  size_t dead_count = 0;
  for (CountId id = 1; id <= pool.capacity; ++id) {
    Object* const object = pool.entries[id - 1].object;
    if (object == nullptr) continue;
    const bool dead = !IsImmortal(object) && TrueCount(object) == 0;
    if (dead || all) ReleaseLocked(pool, caller, id);
    if (dead) {
      PushTrashcan(caller, object);
      ++dead_count;
    }
  }
  return dead_count;
}

// Makes the array of `thread` long enough for `id`. Returns false when out of
// memory or finished.
bool GrowArray(ObjectThread& thread, CountId id) {
  if (thread.per_thread_counts_finished) return false;
  uint32_t size = std::bit_ceil(id);
  if (size < kSmallestPerThreadCapacity) size = kSmallestPerThreadCapacity;
  // Whole cache lines, so that no neighbour writes in ours. All 0.
  auto* counts = static_cast<int64_t*>(RawAllocate(size * sizeof(int64_t), kCacheLineBytes));
  if (counts == nullptr) return false;
  if (thread.per_thread_count_size != 0) {
    memcpy(counts, thread.per_thread_counts, thread.per_thread_count_size * sizeof(int64_t));
  }
  RawFree(thread.per_thread_counts);
  thread.per_thread_counts = counts;
  thread.per_thread_count_size = size;
  return true;
}

}  // namespace

PerThreadCountPool::~PerThreadCountPool() { RawFree(entries); }

CountId AssignCountId(ObjectThread& thread, Object* object, CountIdField& field) {
  PerThreadCountPool& pool = PoolOf(thread);
  MutexLock lock(pool.mutex);
  // relaxed: written under the mutex.
  const CountId present = field.load(std::memory_order_relaxed);
  if (present != kNoCountId || pool.closed) return present;
  if (pool.first_free == kNoCountId && !GrowLocked(pool)) return kNoCountId;
  if (!AddBias(object)) return kNoCountId;
  const CountId id = pool.first_free;
  PerThreadCountEntry& entry = pool.entries[id - 1];
  RT_CHECK(entry.object == nullptr, "INV-UID-3", "a used entry is on the free chain");
  pool.first_free = entry.next_free;
  entry = {object, &field, kNoCountId};
  ++pool.used_count;
  thread.counters->Add(Counter::kCountIdsAssigned);
  // relaxed: who reads the id too late counts plainly, which the sum allows.
  field.store(id, std::memory_order_relaxed);
  return id;
}

void FinishPerThreadCounts(ObjectThread& caller, ObjectThread& victim) {
  victim.per_thread_counts_finished = true;
  if (victim.per_thread_count_size == 0) return;
  PerThreadCountPool& pool = PoolOf(victim);
  {
    MutexLock lock(pool.mutex);
    MergeArrayLocked(pool, caller, victim);
  }
  victim.per_thread_count_size = 0;
  RawFree(victim.per_thread_counts);
  victim.per_thread_counts = nullptr;
}

size_t MergePerThreadCountsWorldStopped(ObjectThread& caller) {
  PerThreadCountPool& pool = PoolOf(caller);
  MutexLock lock(pool.mutex);
  if (pool.used_count == 0) return 0;
  MergeAllLocked(pool, caller);
  return SweepLocked(pool, caller, false);
}

void ReleaseCountIdWorldStopped(ObjectThread& caller, Object* object) {
  CountIdField* const field = CountIdFieldOf(object);
  if (field == nullptr) return;
  PerThreadCountPool& pool = PoolOf(caller);
  MutexLock lock(pool.mutex);
  // relaxed: written under the mutex.
  const CountId id = field->load(std::memory_order_relaxed);
  if (id == kNoCountId) return;
  RT_CHECK(id <= pool.capacity && pool.entries[id - 1].object == object, "INV-UID-3",
           "id %u belongs to another object", id);
  ReleaseLocked(pool, caller, id);
}

void ClosePerThreadCountsWorldStopped(ObjectThread& caller) {
  PerThreadCountPool& pool = PoolOf(caller);
  MutexLock lock(pool.mutex);
  pool.closed = true;
  MergeAllLocked(pool, caller);
  SweepLocked(pool, caller, true);
}

CountIdField* CountIdFieldOf(Object* object) {
  switch (TypeOf(object)->kind) {
    case TypeKind::kType:
      return &reinterpret_cast<TypeObject*>(object)->count_id;
    case TypeKind::kDict:
      return &reinterpret_cast<Dict*>(object)->count_id;
    default:
      return nullptr;
  }
}

void AddPerThreadCountsWorldStopped(ObjectSpace& space, int64_t (&found)[kReferenceTypeCount])
    ABSL_NO_THREAD_SAFETY_ANALYSIS {
  PerThreadCountPool& pool = space.per_thread_counts;
  MutexLock lock(pool.mutex);
  ForEachThread(space, [&](ObjectThread& thread) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    for (uint32_t i = 0; i < thread.per_thread_count_size; ++i) {
      const int64_t count = thread.per_thread_counts[i];
      if (count == 0) continue;
      RT_CHECK(i < pool.capacity && pool.entries[i].object != nullptr, "INV-UID-2",
               "%lld references to an object without an id", static_cast<long long>(count));
      // relaxed: the world is stopped.
      found[pool.entries[i].object->stat_index.load(std::memory_order_relaxed)] += count;
    }
  });
}

void CheckPerThreadCountInvariantsWorldStopped(ObjectSpace& space) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  PerThreadCountPool& pool = space.per_thread_counts;
  MutexLock lock(pool.mutex);
  uint32_t free_count = 0;
  for (CountId id = pool.first_free; id != kNoCountId; id = pool.entries[id - 1].next_free) {
    RT_CHECK(id <= pool.capacity && pool.entries[id - 1].object == nullptr, "INV-UID-3",
             "the free chain leads to entry %u", id);
    RT_CHECK(++free_count <= pool.capacity, "INV-UID-3", "the free chain is a ring");
  }
  RT_CHECK(free_count + pool.used_count == pool.capacity, "INV-UID-3",
           "%u free and %u used of %u entries", free_count, pool.used_count, pool.capacity);
  ForEachThread(space, [&](ObjectThread& thread) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    RT_CHECK((thread.per_thread_counts == nullptr) == (thread.per_thread_count_size == 0) &&
                 (!thread.per_thread_counts_finished || thread.per_thread_count_size == 0),
             "INV-UID-4", "an array of %zu counts", thread.per_thread_count_size);
    for (uint32_t i = 0; i < thread.per_thread_count_size; ++i) {
      RT_CHECK(thread.per_thread_counts[i] == 0 ||
                   (i < pool.capacity && pool.entries[i].object != nullptr),
               "INV-UID-2", "counts for the free id %u", i + 1);
    }
  });
  for (CountId id = 1; id <= pool.capacity; ++id) {
    const PerThreadCountEntry& entry = pool.entries[id - 1];
    if (entry.object == nullptr) continue;
    // relaxed, all: the world is stopped.
    RT_CHECK(entry.field == CountIdFieldOf(entry.object) &&
                 entry.field->load(std::memory_order_relaxed) == id,
             "INV-UID-3", "the object of entry %u has another id", id);
    if (IsImmortal(entry.object)) continue;
    RT_CHECK(HasPerThreadBias(entry.object->shared.load(std::memory_order_relaxed)), "INV-UID-1",
             "id %u without a bias", id);
    int64_t count = TrueCount(entry.object);
    ForEachThread(space, [&](ObjectThread& thread) {
      if (id <= thread.per_thread_count_size) count += thread.per_thread_counts[id - 1];
    });
    RT_CHECK(count >= 0, "INV-UID-1", "%lld references to the object of id %u",
             static_cast<long long>(count), id);
  }
}

void PerThreadCountsBeforeFork(PerThreadCountPool& pool) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  pool.mutex.Lock();
}

void PerThreadCountsAfterForkParent(PerThreadCountPool& pool) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  pool.mutex.Unlock();
}

void PerThreadCountsAfterForkChild(PerThreadCountPool& pool) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  pool.mutex.AfterForkChild();
}

namespace internal {

void IncrefForeignType(ObjectThread& thread, TypeObject* type) {
  Object* const object = &type->header;
  if (IsImmortal(object)) return;
  IncrefPerThread(thread, object, AssignCountId(thread, object, type->count_id));
}

void CountPerThreadSlow(ObjectThread& thread, Object* object, CountId id, int64_t change) {
  if (GrowArray(thread, id)) {
    thread.per_thread_counts[id - 1] += change;
    Account(thread, object, change);
    return;
  }
  // Plainly: the bias keeps the count away from 0.
  if (change > 0) {
    Incref(thread, object);
  } else {
    Decref(thread, object);
  }
}

}  // namespace internal
}  // namespace rt
