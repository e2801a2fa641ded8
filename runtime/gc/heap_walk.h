// Heap walk: every tracked object of an interpreter, wherever its memory is.
//
// Model.  Objects are found by walking the collectable heaps of every thread state
// and of every parked bundle: there is no list of objects. What a page does not
// list as free is a block in use, and in it an object if the tracked bit says so:
// blocks on freelists, in a trashcan, or handed out and not yet made into an object
// have it clear.
// Invariants.  INV-GC-2: the world is stopped and the lock that guards the list of
// thread states and the moves of bundles is held over the whole walk. INV-GC-3:
// nothing is allocated or freed in a heap meanwhile.
// Thread safety.  The thread that stopped the world.
// Source.  CPython Python/gc_free_threading.c (gc_visit_heaps).

#ifndef RUNTIME_GC_HEAP_WALK_H_
#define RUNTIME_GC_HEAP_WALK_H_

#include <cstddef>
#include <cstdint>

#include "runtime/alloc/bundle_pool.h"
#include "runtime/alloc/heap_bundle.h"
#include "runtime/object/object.h"
#include "runtime/object/object_space.h"
#include "runtime/object/object_thread.h"
#include "runtime/object/tracking.h"

namespace rt {

// How the collector finds the thread states of its interpreter.
struct ThreadSource {
  void* context = nullptr;
  // The thread state after `thread`, or the first for null; null at the end.
  ObjectThread* (*next)(void* context, ObjectThread* thread) = nullptr;
};

namespace internal {

template <typename Visit>
bool VisitTrackedOfPage(void* argument, HeapKind kind, char* start, size_t block_bytes,
                        size_t capacity, const uint64_t* is_free) {
  Visit& visit = *static_cast<Visit*>(argument);
  for (size_t index = 0; index < capacity; ++index) {
    if (is_free != nullptr && ((is_free[index / 64] >> (index % 64)) & 1) != 0) continue;
    Object* const object = ObjectInBlock(kind, start + index * block_bytes);
    if ((object->gc_bits & kGcTracked) != 0) visit(object);
  }
  return true;
}

}  // namespace internal

// Calls `visit(Object*)` for each tracked object. World stopped.
template <typename Visit>
void WalkTracked(ObjectSpace& space, const ThreadSource& threads, Visit visit) {
  for (ObjectThread* thread = threads.next(threads.context, nullptr); thread != nullptr;
       thread = threads.next(threads.context, thread)) {
    if (thread->heaps == nullptr) continue;
    thread->heaps->VisitCollectablePages(&internal::VisitTrackedOfPage<Visit>, &visit);
  }
  space.bundle_pool.VisitBundlesWorldStopped(
      [](void* argument, HeapBundle& bundle) {
        bundle.VisitCollectablePages(&internal::VisitTrackedOfPage<Visit>, argument);
      },
      &visit);
}

}  // namespace rt

#endif  // RUNTIME_GC_HEAP_WALK_H_
