#include "runtime/object/merge_queue.h"

#include "runtime/base/check.h"
#include "runtime/base/raw_memory.h"
#include "runtime/object/destroy.h"
#include "runtime/object/merge_stack.h"
#include "runtime/object/object.h"
#include "runtime/object/object_space.h"
#include "runtime/object/object_thread.h"
#include "runtime/object/reference_count.h"

namespace rt {
namespace {

MergeBucket& BucketOf(ObjectSpace& space, uint64_t id) {
  return space.merge_table.buckets[id % kMergeBucketCount];
}

MergeQueueThread* FindLocked(MergeBucket& bucket, uint64_t id)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(bucket.mutex) {
  MergeQueueThread* queue = bucket.first;
  while (queue != nullptr && queue->id != id) queue = queue->next;
  return queue;
}

void LinkLocked(MergeBucket& bucket, MergeQueueThread& queue)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(bucket.mutex) {
  queue.previous = nullptr;
  queue.next = bucket.first;
  if (bucket.first != nullptr) bucket.first->previous = &queue;
  bucket.first = &queue;
}

void UnlinkLocked(MergeBucket& bucket, MergeQueueThread& queue)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(bucket.mutex) {
  if (queue.next != nullptr) queue.next->previous = queue.previous;
  if (queue.previous != nullptr) {
    queue.previous->next = queue.next;
  } else {
    bucket.first = queue.next;
  }
  queue.next = nullptr;
  queue.previous = nullptr;
}

// Merges what `queue` has taken out, as `caller`. Destructors may come back
// here through a safe point: every entry leaves the stack before it is merged.
void MergeTaken(ObjectThread& caller, MergeQueueThread& queue) {
  while (Object* object = PopMergeStack(queue.taken)) {
    caller.counters->Add(Counter::kObjectsMergedFromQueue);
    if (ExplicitMerge(caller, object, -1) == 0) Destroy(caller, object);
  }
}

// Merges in a stopped world: there was no memory to queue `object`.
int64_t MergeInStoppedWorld(ObjectThread& thread, Object* object) {
  const ObjectSpaceHooks& hooks = thread.space->hooks;
  hooks.stop_the_world(thread);
  const int64_t count = ExplicitMerge(thread, object, -1);
  thread.counters->Add(Counter::kObjectsMergedForeign);
  hooks.start_the_world(thread);
  return count;
}

// Merges what others queued for a borrowed owner, as `caller`. The dead wait in
// the caller's trashcan.
void MergeIncomingLocked(ObjectThread& caller, MergeQueueThread& queue) {
  while (Object* object = PopMergeStack(queue.incoming)) {
    caller.counters->Add(Counter::kObjectsMergedForDetached);
    if (ExplicitMerge(caller, object, -1) == 0) PushTrashcan(caller, object);
  }
}

// Merges `object`, which is not queued, and what is, in place of an owner that
// is not attached. Returns false if the owner has to do it.
bool MergeForDetachedLocked(ObjectThread& caller, MergeQueueThread& queue, Object* object) {
  const ObjectSpaceHooks& hooks = caller.space->hooks;
  if (hooks.borrow_owner == nullptr || !hooks.borrow_owner(*queue.thread)) return false;
  caller.counters->Add(Counter::kObjectsMergedForDetached);
  if (ExplicitMerge(caller, object, -1) == 0) PushTrashcan(caller, object);
  MergeIncomingLocked(caller, queue);
  hooks.return_owner(*queue.thread);
  return true;
}

// Puts `object` into the queue of an owner that was seen attached. Returns false
// when out of memory.
bool PushLocked(ObjectThread& caller, MergeQueueThread& queue, Object* object) {
  if (!PushMergeStack(queue.incoming, object)) return false;
  // Under the mutex: the owner cannot disappear.
  // (B13) seq_cst or, total order with the owner's detach and its look at the bit
  //       (Detach() in state/attach.cc) and with our look at its status
  //       (BorrowDetached()): it sees the bit, or we see it detached.
  queue.thread->eval_breaker.fetch_or(kEvalBreakerMerge, std::memory_order_seq_cst);
  const ObjectSpaceHooks& hooks = caller.space->hooks;
  if (hooks.borrow_owner != nullptr && hooks.borrow_owner(*queue.thread)) [[unlikely]] {
    MergeIncomingLocked(caller, queue);
    hooks.return_owner(*queue.thread);
  }
  return true;
}

}  // namespace

void MergeQueueEnter(ObjectThread& thread) {
  RT_CHECK(thread.id >= kFirstThreadStateId && thread.merge_queue.id == 0, "OT-1",
           "entering the merge table twice, or without an id");
  thread.merge_queue.id = thread.id;
  thread.merge_queue.thread = &thread;
  thread.owner_id = thread.id;
  MergeBucket& bucket = BucketOf(*thread.space, thread.id);
  MutexLock lock(bucket.mutex);
  LinkLocked(bucket, thread.merge_queue);
}

void MergeQueueDrain(ObjectThread& thread) {
  MergeQueueThread& queue = thread.merge_queue;
  if (queue.id == 0) return;
  // relaxed: what was queued before a bit that we clear here is taken under the
  // mutex below; a bit that is set later is seen later.
  thread.eval_breaker.fetch_and(~kEvalBreakerMerge, std::memory_order_relaxed);
  {
    MergeBucket& bucket = BucketOf(*thread.space, queue.id);
    MutexLock lock(bucket.mutex);
    MoveMergeStack(queue.incoming, queue.taken);
  }
  MergeTaken(thread, queue);
}

void MergeQueueLeave(ObjectThread& caller, ObjectThread& owner) {
  MergeQueueThread& queue = owner.merge_queue;
  if (queue.id == 0) return;
  MergeBucket& bucket = BucketOf(*owner.space, queue.id);
  // Others queue until the moment we are unlinked, and merge themselves after
  // it; and what we merge may queue more. So: empty, and only then unlinked.
  for (;;) {
    MergeTaken(caller, queue);
    MutexLock lock(bucket.mutex);
    if (IsMergeStackEmpty(queue.incoming)) {
      UnlinkLocked(bucket, queue);
      // Under the mutex: whoever finds us gone may write `local` of our objects
      // from now on, and we may not.
      queue.id = 0;
      owner.owner_id = kNobodyId;
      return;
    }
    MoveMergeStack(queue.incoming, queue.taken);
  }
}

void MergeAllQueuesWorldStopped(ObjectThread& caller) {
  for (MergeBucket& bucket : caller.space->merge_table.buckets) {
    MutexLock lock(bucket.mutex);
    for (MergeQueueThread* queue = bucket.first; queue != nullptr; queue = queue->next) {
      MoveMergeStack(queue->incoming, queue->taken);
      while (Object* object = PopMergeStack(queue->taken)) {
        caller.counters->Add(Counter::kObjectsMergedFromQueue);
        if (ExplicitMerge(caller, object, -1) == 0) {
          PushTrashcan(caller, object);
        }
      }
    }
  }
}

void QueueForMerge(ObjectThread& thread, Object* object) {
  // relaxed: read once; whether that thread still owns anything is found out
  // under the mutex. If it has merged the object meanwhile, its queue or the
  // merge below still only drops our reference.
  const uint64_t owner = object->owner.load(std::memory_order_relaxed);
  if (owner == kNoOwner) {
    // Merged, or being merged, since we flagged it: an ordinary reference.
    internal::DecrefShared(thread, object);
    return;
  }
  thread.counters->Add(Counter::kObjectsQueued);
  bool done = true;
  int64_t count = -1;
  {
    MergeBucket& bucket = BucketOf(*thread.space, owner);
    MutexLock lock(bucket.mutex);
    MergeQueueThread* queue = FindLocked(bucket, owner);
    if (queue == nullptr) {
      // The owner has left: nobody writes `local` but under this mutex.
      count = ExplicitMerge(thread, object, -1);
      thread.counters->Add(Counter::kObjectsMergedForeign);
    } else {
      done = MergeForDetachedLocked(thread, *queue, object) || PushLocked(thread, *queue, object);
    }
  }
  if (!done) count = MergeInStoppedWorld(thread, object);
  if (count == 0) Destroy(thread, object);
  // What was merged for a detached owner; the outermost destructor does it else.
  if (thread.destroy_depth == 0) DrainTrashcan(thread);
}

size_t QueuedObjectCountWorldStopped(ObjectSpace& space) {
  size_t count = 0;
  for (MergeBucket& bucket : space.merge_table.buckets) {
    MutexLock lock(bucket.mutex);
    for (const MergeQueueThread* queue = bucket.first; queue != nullptr; queue = queue->next) {
      count += MergeStackCount(queue->incoming) + MergeStackCount(queue->taken);
    }
  }
  return count;
}

void CheckMergeTableBeforeFork(const MergeTable& table) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  for (const MergeBucket& bucket : table.buckets) {
    RT_CHECK(!bucket.mutex.IsLocked(), "INV-STW-3",
             "a bucket of the merge table is locked in a stopped world");
  }
}

}  // namespace rt
