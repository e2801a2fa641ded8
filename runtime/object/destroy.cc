#include "runtime/object/destroy.h"

#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/check.h"
#include "runtime/object/new_reference.h"
#include "runtime/object/object.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/tracking.h"
#include "runtime/object/type.h"

namespace rt {
namespace {

// Runs the destructor of `object`, one level deeper.
void DestroyNow(ObjectThread& thread, Object* object) {
  CheckDead(object);
  ++thread.destroy_depth;
  RT_DCHECK(TypeOf(object) != nullptr, "T-1", "an object without type");
  object->type->destroy(thread, object);
  --thread.destroy_depth;
}

Object* PopTrashcan(ObjectThread& thread) {
  Object* object = thread.trashcan;
  // relaxed: written by this thread; other threads only compare it to their id.
  thread.trashcan = reinterpret_cast<Object*>(object->owner.load(std::memory_order_relaxed));
  // What PushTrashcan() wrote over: an object dies either in its owner's hands
  // or merged.
  // relaxed: as above; a dead object's `shared` changes no more.
  const bool merged = object->shared.load(std::memory_order_relaxed) == kSharedMerged;
  object->owner.store(merged ? kNoOwner : thread.owner_id, std::memory_order_relaxed);
  return object;
}

// Every list there is: one that is not named here would outlive its thread state.
template <typename Thread, typename Action>
void ForEachFreelist(Thread& thread, Action action) {
  action(thread.number_freelist);
  action(thread.list_freelist);
  action(thread.dict_freelist);
  for (auto& list : thread.tuple_freelists.of_size) action(list);
}

}  // namespace

void Destroy(ObjectThread& thread, Object* object) {
  // Before anything that may stop the world: INV-GC-4.
  Untrack(thread, object);
  if (thread.destroy_depth >= kDestroyDepthLimit) {
    PushTrashcan(thread, object);
    return;
  }
  DestroyNow(thread, object);
  if (thread.destroy_depth == 0) DrainTrashcan(thread);
}

void PushTrashcan(ObjectThread& thread, Object* object) {
  CheckDead(object);
  Untrack(thread, object);
  // relaxed: a link is never a thread id, so a reader that probes the object
  // goes on to `shared`, which says dead.
  object->owner.store(reinterpret_cast<uint64_t>(thread.trashcan), std::memory_order_relaxed);
  thread.trashcan = object;
}

void DrainTrashcan(ObjectThread& thread) {
  while (thread.trashcan != nullptr) DestroyNow(thread, PopTrashcan(thread));
}

void ReleaseObjectMemory(Object* object) {
  // Before the type word goes.
  void* const block = BlockOf(object);
  MarkDead(object);
  HeapFree(block);
}

void ClearObjectFreelists(ObjectThread& thread) {
  ForEachFreelist(thread, [](Freelist& list) { list.Clear(); });
}

void DisableObjectFreelists(ObjectThread& victim) {
  ForEachFreelist(victim, [](Freelist& list) { list.Disable(); });
}

int64_t FreelistObjectCount(const ObjectThread& thread) {
  int64_t count = 0;
  ForEachFreelist(thread, [&](const Freelist& list) {
    if (list.enabled()) count += list.size();
  });
  return count;
}

}  // namespace rt
