// A stack of objects in chunks of raw memory: the storage of the merge queues.
//
// Invariants.  MS-1: every chunk of a stack holds at least one object.
// Thread safety.  None; see MergeQueueThread for what guards which stack.

#ifndef RUNTIME_OBJECT_MERGE_STACK_H_
#define RUNTIME_OBJECT_MERGE_STACK_H_

#include <cstddef>

#include "runtime/object/merge_queue_thread.h"

namespace rt {

struct Object;

// 254: with the header a chunk is 2 KiB, a size class of every allocator.
inline constexpr size_t kMergeChunkCapacity = 254;

struct MergeQueueChunk {
  MergeQueueChunk* next;
  size_t count;
  Object* objects[kMergeChunkCapacity];
};
static_assert(sizeof(MergeQueueChunk) == 2048);

// Returns false, changing nothing, when there is no memory for a chunk.
[[nodiscard]] bool PushMergeStack(MergeStack& stack, Object* object);

// Returns the object pushed last (of the first chunk), or null if empty.
[[nodiscard]] Object* PopMergeStack(MergeStack& stack);

// Moves everything in `from` onto `to`.
void MoveMergeStack(MergeStack& from, MergeStack& to);

[[nodiscard]] bool IsMergeStackEmpty(const MergeStack& stack);

[[nodiscard]] size_t MergeStackCount(const MergeStack& stack);

}  // namespace rt

#endif  // RUNTIME_OBJECT_MERGE_STACK_H_
