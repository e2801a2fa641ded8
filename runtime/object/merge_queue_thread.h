// The per-thread part of the merge queues (merge_queue.h): plain data.
//
// Thread safety.  `incoming`, `next` and `previous` are guarded by the mutex of
// the bucket that `id` falls in. `taken` belongs to the owner, or to who clears
// the thread state.

#ifndef RUNTIME_OBJECT_MERGE_QUEUE_THREAD_H_
#define RUNTIME_OBJECT_MERGE_QUEUE_THREAD_H_

#include <cstdint>

namespace rt {

struct MergeQueueChunk;
struct ObjectThread;

// A stack of objects in chunks: pushing allocates rarely, emptying never.
struct MergeStack {
  MergeQueueChunk* head = nullptr;  // The only chunk that may have room.
};

struct MergeQueueThread {
  // Key in the table: the owner id. 0: not in the table.
  uint64_t id = 0;
  // Whose eval breaker is set when something arrives.
  ObjectThread* thread = nullptr;
  MergeQueueThread* next = nullptr;
  MergeQueueThread* previous = nullptr;
  // Where other threads push.
  MergeStack incoming;
  // What the owner has taken out of `incoming` and is merging.
  MergeStack taken;
};

}  // namespace rt

#endif  // RUNTIME_OBJECT_MERGE_QUEUE_THREAD_H_
