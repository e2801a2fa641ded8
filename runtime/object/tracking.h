// Tracking: which objects the collector sees, and how many came and went.
//
// Model.  A tracked object (kGcTracked in Object::gc_bits) is alive, whole and of
// a kind that can be part of a cycle. It is tracked when NewReference() makes it
// and again when it is resurrected; untracked before its destructor does anything
// else. Each thread counts the difference in ObjectThread::tracked_count and adds
// it to the interpreter's counts when it reaches kTrackedCountFlush in either
// direction, and when it is cleared. A flush that finds more than the threshold,
// and more than a quarter of what survived the last collection, asks its own
// thread to collect at the next safe point.
// Invariants.  INV-GC-4: an object with count 0 is not tracked. INV-GC-5: the
// tracked objects are survivors + young - forgiven + the sum of the threads'
// tracked_count, exactly, in a stopped world. young >= 0: deaths of survivors are
// no credit for garbage to come, so what a flush would take below 0 is forgiven.
// Thread safety.  Track(), Untrack(), CountTracked(), FlushTrackedCount(): the
// attached thread `thread`. Reading the counts: any thread; a reader flushes
// nothing, so watching does not put a collection off.
// Fork.  Nothing to do; the counts of dead threads are flushed as they are cleared.
// Source.  CPython Python/gc_free_threading.c (record_allocation). Differs: counts
// what is tracked, so the sum can be checked against a heap walk.

#ifndef RUNTIME_OBJECT_TRACKING_H_
#define RUNTIME_OBJECT_TRACKING_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/object/object.h"
#include "runtime/object/object_thread.h"

namespace rt {

// 512, 2000, 4: what CPython settled on.
inline constexpr int32_t kTrackedCountFlush = 512;
inline constexpr int64_t kDefaultCollectThreshold = 2000;
inline constexpr int64_t kSurvivorsPerYoung = 4;

// Bytes before the header of an object in the heap of kind kCollectablePrefix.
inline constexpr size_t kObjectPrefixBytes = 16;

// One per interpreter.
struct CollectionCounts {
  // Flushed since the last collection's reset.
  Atomic<int64_t> young{0};
  Atomic<int64_t> forgiven{0};
  // Tracked objects at the last reset.
  Atomic<int64_t> survivors{0};
  // Automatic collection: 0 is never.
  Atomic<int64_t> threshold{kDefaultCollectThreshold};
  Atomic<bool> enabled{true};
  // A collection is under way; claimed by exchange.
  Atomic<bool> collecting{false};
};

// Adds the thread's count to the interpreter's and makes it 0. Asks for a
// collection if it is time.
void FlushTrackedCount(ObjectThread& thread);

// Counts one object more (1) or less (-1).
inline void CountTracked(ObjectThread& thread, int32_t count) {
  thread.tracked_count += count;
  if (thread.tracked_count >= kTrackedCountFlush || thread.tracked_count <= -kTrackedCountFlush)
      [[unlikely]] {
    FlushTrackedCount(thread);
  }
}

// Tracks `object`, dead and about to be resurrected, if it is of such a kind.
void Track(ObjectThread& thread, Object* object);

// Untracks dead `object` if it was tracked. Leaves no bit.
inline void Untrack(ObjectThread& thread, Object* object) {
  if ((object->gc_bits & kGcTracked) == 0) return;
  object->gc_bits = 0;
  CountTracked(thread, -1);
}

// Untrack() of a tracked object where nothing has to be flushed. Returns false,
// having done nothing, elsewhere.
[[nodiscard]] inline bool UntrackIfSimple(ObjectThread& thread, Object* object) {
  if ((object->gc_bits & kGcTracked) == 0 || thread.tracked_count <= 1 - kTrackedCountFlush) {
    return false;
  }
  object->gc_bits = 0;
  --thread.tracked_count;
  return true;
}

// The object in a block of a collectable heap.
inline Object* ObjectInBlock(HeapKind kind, void* block) {
  const size_t prefix_bytes = kind == HeapKind::kCollectablePrefix ? kObjectPrefixBytes : 0;
  return reinterpret_cast<Object*>(static_cast<char*>(block) + prefix_bytes);
}

// Allocates the block of an object of a collectable kind, with `prefix_bytes`
// before it, cleared. Null when out of memory. Until NewReference() a heap walk
// takes the block for what it is: no object yet.
[[nodiscard]] inline Object* AllocateCollectable(ObjectThread& thread, size_t object_bytes,
                                                 size_t prefix_bytes) {
  RT_DCHECK(prefix_bytes == 0 || prefix_bytes == kObjectPrefixBytes, "INV-GC-2",
            "a prefix of %zu bytes", prefix_bytes);
  const HeapKind kind = prefix_bytes == 0 ? HeapKind::kCollectable : HeapKind::kCollectablePrefix;
  void* const block = AllocateBlock(thread, kind, prefix_bytes + object_bytes);
  if (block == nullptr) return nullptr;
  if (prefix_bytes != 0) [[unlikely]]
    memset(block, 0, kObjectPrefixBytes);
  Object* const object = ObjectInBlock(kind, block);
  object->gc_bits = 0;
  return object;
}

}  // namespace rt

#endif  // RUNTIME_OBJECT_TRACKING_H_
