#include "runtime/object/merge_stack.h"

#include "runtime/base/raw_memory.h"
#include "runtime/base/slow_path_point.h"

namespace rt {

bool PushMergeStack(MergeStack& stack, Object* object) {
  MergeQueueChunk* chunk = stack.head;
  if (chunk == nullptr || chunk->count == kMergeChunkCapacity ||
      TakesSlowPath("object.merge_chunk_full")) {
    chunk = static_cast<MergeQueueChunk*>(
        RawAllocate(sizeof(MergeQueueChunk), alignof(MergeQueueChunk)));
    if (chunk == nullptr) return false;
    chunk->next = stack.head;
    chunk->count = 0;
    stack.head = chunk;
  }
  chunk->objects[chunk->count++] = object;
  return true;
}

Object* PopMergeStack(MergeStack& stack) {
  MergeQueueChunk* chunk = stack.head;
  if (chunk == nullptr) return nullptr;
  Object* object = chunk->objects[--chunk->count];
  if (chunk->count == 0) {
    stack.head = chunk->next;
    RawFree(chunk);
  }
  return object;
}

void MoveMergeStack(MergeStack& from, MergeStack& to) {
  if (from.head == nullptr) return;
  MergeQueueChunk* last = from.head;
  while (last->next != nullptr) last = last->next;
  last->next = to.head;
  to.head = from.head;
  from.head = nullptr;
}

bool IsMergeStackEmpty(const MergeStack& stack) { return stack.head == nullptr; }

size_t MergeStackCount(const MergeStack& stack) {
  size_t count = 0;
  for (const MergeQueueChunk* chunk = stack.head; chunk != nullptr; chunk = chunk->next) {
    count += chunk->count;
  }
  return count;
}

}  // namespace rt
