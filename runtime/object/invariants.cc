#include "runtime/object/invariants.h"

#include <algorithm>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/object/dict.h"
#include "runtime/object/list.h"
#include "runtime/object/merge_queue.h"
#include "runtime/object/merge_stack.h"
#include "runtime/object/number.h"
#include "runtime/object/object.h"
#include "runtime/object/object_space.h"
#include "runtime/object/object_thread.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/tuple.h"
#include "runtime/object/type.h"
#include "runtime/object/weak_reference.h"

namespace rt {
namespace {

struct Counts {
  uint64_t owner;
  int64_t local;
  int64_t shared;  // The count alone.
  int64_t flag;
};

Counts CountsOf(const Object* object) {
  // relaxed, all: the world is stopped.
  const int64_t shared = object->shared.load(std::memory_order_relaxed);
  return {object->owner.load(std::memory_order_relaxed),
          object->local.load(std::memory_order_relaxed), shared >> kSharedShift,
          shared & kSharedFlagMask};
}

void CheckImmortal(const Object* object) {
  // relaxed: the world is stopped.
  RT_CHECK(object->shared.load(std::memory_order_relaxed) >= kImmortalSharedThreshold, "INV-B-6",
           "immortal in one field only");
  RT_CHECK(object->owner.load(std::memory_order_relaxed) == kNoOwner, "INV-B-6",
           "immortal with an owner");
}

void CheckMortal(const Counts& counts) {
  RT_CHECK(counts.local + counts.shared > 0, "INV-B-1", "count %lld",
           static_cast<long long>(counts.local + counts.shared));
  if (counts.flag == kSharedMerged) {
    RT_CHECK(counts.local == 0 && counts.owner == kNoOwner, "INV-B-3",
             "merged with local count %lld, owner %llu", static_cast<long long>(counts.local),
             static_cast<unsigned long long>(counts.owner));
    return;
  }
  RT_CHECK(counts.local > 0 && counts.owner > kNobodyId, "INV-B-4",
           "not merged, with local count %lld, owner %llu", static_cast<long long>(counts.local),
           static_cast<unsigned long long>(counts.owner));
  RT_CHECK(counts.flag == kSharedQueued || counts.shared >= 0, "INV-B-5",
           "shared count %lld without being queued", static_cast<long long>(counts.shared));
}

// Checks the entries of one queue and notes them in `seen`.
void CheckQueue(const MergeQueueThread& queue, const MergeStack& stack,
                std::vector<const Object*>* seen) {
  for (const MergeQueueChunk* chunk = stack.head; chunk != nullptr; chunk = chunk->next) {
    RT_CHECK(chunk->count > 0 && chunk->count <= kMergeChunkCapacity, "MS-1",
             "a chunk with %zu entries", chunk->count);
    for (size_t i = 0; i < chunk->count; ++i) {
      const Object* object = chunk->objects[i];
      CheckObjectInvariantsWorldStopped(object);
      RT_CHECK(!IsImmortal(object), "INV-B-6", "an immortal object is queued");
      const Counts counts = CountsOf(object);
      RT_CHECK(counts.flag == kSharedQueued || counts.flag == kSharedMerged, "INV-B-2",
               "an entry that is not flagged");
      RT_CHECK(counts.owner == queue.id || counts.owner == kNoOwner, "INV-B-2",
               "an entry of owner %llu in the queue of %llu",
               static_cast<unsigned long long>(counts.owner),
               static_cast<unsigned long long>(queue.id));
      seen->push_back(object);
    }
  }
}

// Takes every block off `list`, checks it and puts it back in its place.
template <typename Check>
void CheckEach(Freelist& list, Check check) {
  list.CheckInvariants();
  if (!list.enabled()) return;
  std::vector<void*> blocks;
  const auto size = static_cast<size_t>(list.size());
  while (void* block = list.Pop()) {
    check(block);
    blocks.push_back(block);
  }
  RT_CHECK(blocks.size() == size, "FL-1", "%zu blocks, size says %zu", blocks.size(), size);
  while (!blocks.empty()) {
    RT_CHECK(list.Push(blocks.back()), "FL-1", "no room for what was there");
    blocks.pop_back();
  }
}

void CheckDeadHeader(const Object* object) {
  // relaxed, all: the owner, or the world is stopped.
  const int64_t shared = object->shared.load(std::memory_order_relaxed);
  RT_CHECK(shared == kSharedInitial || shared == kSharedMerged, "FL-2", "shared %lld on a freelist",
           static_cast<long long>(shared));
  RT_CHECK(object->local.load(std::memory_order_relaxed) == 0, "FL-2",
           "a local count on a freelist");
#if RT_CHECKS
  RT_CHECK(object->stat_index.load(std::memory_order_relaxed) == kDeadStatIndex, "FL-2",
           "not marked dead on a freelist");
#endif
}

}  // namespace

void CheckObjectInvariantsWorldStopped(const Object* object) {
  TypeObject* type = TypeOf(object);
  if (type->kind == TypeKind::kWeakReference) CheckWeakReferenceInvariantsWorldStopped(object);
  // relaxed: the world is stopped.
  RT_CHECK(object->stat_index.load(std::memory_order_relaxed) == type->stat_index, "T-2",
           "the header counts for another type");
  if (IsImmortal(object)) {
    CheckImmortal(object);
  } else {
    // Plainly counted it may be anything; per_thread_count.h checks the sum.
    // relaxed: the world is stopped.
    if (HasPerThreadBias(object->shared.load(std::memory_order_relaxed))) return;
    CheckMortal(CountsOf(object));
  }
}

size_t CheckMergeQueueInvariantsWorldStopped(ObjectSpace& space) {
  std::vector<const Object*> seen;
  for (size_t i = 0; i < kMergeBucketCount; ++i) {
    MergeBucket& bucket = space.merge_table.buckets[i];
    MutexLock lock(bucket.mutex);
    const MergeQueueThread* previous = nullptr;
    for (const MergeQueueThread* queue = bucket.first; queue != nullptr; queue = queue->next) {
      RT_CHECK(queue->id % kMergeBucketCount == i && queue->previous == previous, "INV-B-7",
               "a queue is linked in the wrong place");
      RT_CHECK(queue->thread->owner_id == queue->id, "OT-1", "in the table, but not an owner");
      CheckQueue(*queue, queue->incoming, &seen);
      CheckQueue(*queue, queue->taken, &seen);
      previous = queue;
    }
  }
  std::sort(seen.begin(), seen.end());
  RT_CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end(), "INV-B-2",
           "an object is queued twice");
  return seen.size();
}

void CheckFreelistInvariants(ObjectThread& thread) {
  CheckEach(thread.number_freelist, [](void* block) {
    const auto* object = static_cast<const Object*>(block);
    CheckDeadHeader(object);
    // relaxed: as above.
    RT_CHECK(object->shared.load(std::memory_order_relaxed) == kSharedInitial, "FL-3",
             "a number on the freelist was merged");
  });
  CheckEach(thread.list_freelist, [](void* block) {
    CheckDeadHeader(static_cast<const Object*>(block));
    const auto* list = static_cast<const List*>(block);
    // relaxed: as above.
    RT_CHECK(list->size.load(std::memory_order_relaxed) == 0 &&
                 list->array.load(std::memory_order_relaxed) == nullptr,
             "FL-2", "a list on the freelist owns an array");
  });
  CheckEach(thread.dict_freelist, [](void* block) {
    CheckDeadHeader(static_cast<const Object*>(block));
    const auto* dict = static_cast<const Dict*>(block);
    // relaxed, all: as above.
    RT_CHECK(dict->size.load(std::memory_order_relaxed) == 0 &&
                 dict->table.load(std::memory_order_relaxed) == nullptr &&
                 dict->count_id.load(std::memory_order_relaxed) == kNoCountId,
             "FL-2", "a dict on the freelist owns a table or an id");
  });
  for (int64_t size = 0; size < kTupleFreelistCount; ++size) {
    CheckEach(thread.tuple_freelists.of_size[size], [size](void* block) {
      CheckDeadHeader(static_cast<const Object*>(block));
      RT_CHECK(static_cast<const Tuple*>(block)->size == size, "FL-2",
               "a tuple on the freelist of another size");
    });
  }
}

void CheckTypeInvariantsWorldStopped(ObjectSpace& space) {
  TypeTable& types = space.types;
  MutexLock lock(types.mutex);
  bool used[kReferenceTypeCount] = {};
  size_t count = 0;
  for (const TypeObject* type = types.first; type != nullptr; type = type->next) {
    RT_CHECK(type->alive_tag == kTypeAliveTag, "T-1", "a dead type is listed");
    const size_t index = type->stat_index;
    RT_CHECK(index < kReferenceTypeCount, "T-2", "stat index %zu", index);
    RT_CHECK(index == kStatIndexOther || !used[index], "T-2", "stat index %zu is used twice",
             index);
    RT_CHECK(types.stat_slots[index].state == TypeStatSlot::State::kLive, "T-2",
             "stat index %zu is not live", index);
    used[index] = true;
    ++count;
  }
  RT_CHECK(count == types.heap_type_count, "T-2", "%zu types, count says %zu", count,
           types.heap_type_count);
}

}  // namespace rt
