// Destroying dead objects, without unbounded recursion.
//
// Model.  Destroying a container drops what it holds, which may destroy more. A
// thread nests at most kDestroyDepthLimit destructors; beyond that a dead object
// waits in the thread's trashcan until the outermost destructor is done. The
// trashcan is linked through Object::owner, the one header word that a dead
// object does not need: a lock-free reader that still probes the object finds
// count 0 in the others and leaves it alone.
// Invariants.  TC-1: everything in a trashcan is dead (reference_count.h).
// INV-GC-4: what is being destroyed, or waits to be, is not tracked.
// TC-2: the trashcan is empty whenever destroy_depth is 0, except between a merge
// that runs no destructor (stopped world, detached owner) and DrainTrashcan().
// Thread safety.  The attached thread `thread`.
// Source.  CPython's trashcan, as an idea. Differs: the link may be read.

#ifndef RUNTIME_OBJECT_DESTROY_H_
#define RUNTIME_OBJECT_DESTROY_H_

#include <cstdint>

#include "runtime/base/check.h"
#include "runtime/object/object.h"
#include "runtime/object/object_thread.h"

namespace rt {

// 32: nested destructors need about 5 KiB of stack, finalizers aside.
inline constexpr uint32_t kDestroyDepthLimit = 32;

// Destroys `object`, whose count has just become 0. Holding no runtime mutex.
// Runs destructors and finalizers, and may leave `object` alive (resurrected):
// the caller must not touch it afterwards.
void Destroy(ObjectThread& thread, Object* object);

// Puts dead `object` aside until DrainTrashcan(). Runs nothing.
void PushTrashcan(ObjectThread& thread, Object* object);

// Destroys what waits in the trashcan. Holding no runtime mutex.
void DrainTrashcan(ObjectThread& thread);

// Marks dead `object` so that any later use of it is found: its type word and
// its copy of the stat index, where RT_CHECKS are on. The last step before its memory goes to a
// freelist or to the heap; nothing of it may be read afterwards but the header's first
// kReadableHeaderBytes.
void MarkDead(Object* object);

// Returns the block of dead `object` to its heap, marked. Any attached thread.
void ReleaseObjectMemory(Object* object);

// Empties the freelists of `thread`. Itself, or the world is stopped.
void ClearObjectFreelists(ObjectThread& thread);

// Empties the freelists of `victim` and disables them for good. The caller is
// `victim` itself or its thread cannot run. Takes no references, runs nothing.
void DisableObjectFreelists(ObjectThread& victim);

// Counts the objects that wait on the freelists of `thread`.
[[nodiscard]] int64_t FreelistObjectCount(const ObjectThread& thread);

// Checks that nobody can have a reference to `object` any more.
inline void CheckDead([[maybe_unused]] const Object* object) {
#if RT_CHECKS
  // relaxed: a dead object's counts change no more.
  const int64_t shared = object->shared.load(std::memory_order_relaxed);
  RT_CHECK(object->local.load(std::memory_order_relaxed) == 0 &&
               (shared == kSharedInitial || shared == kSharedMerged),
           "TC-1", "destroying a live object (shared %lld)", static_cast<long long>(shared));
#endif
}

inline void MarkDead([[maybe_unused]] Object* object) {
  CheckDead(object);
#if RT_CHECKS
  // relaxed: see CheckAlive().
  object->stat_index.store(kDeadStatIndex, std::memory_order_relaxed);
  object->type = reinterpret_cast<TypeObject*>(kDeadTypeWord);
#endif
}

}  // namespace rt

#endif  // RUNTIME_OBJECT_DESTROY_H_
