// Merge queues: how an object finds its way back to its owner when another
// thread drops a reference that it cannot subtract.
//
// Model.  A table of 257 buckets maps a thread id to its queue. The thread that
// drops the reference hands it to the queue of the owner and sets a bit in the
// owner's eval breaker; the owner merges at its next safe point or when it
// leaves. If the owner has left already, whoever drops the reference merges in
// its place, under the bucket's mutex; if it is detached, whoever drops the
// reference borrows it (state/borrow.h) and does the same, so that a thread that
// blocks does not keep alive what others have dropped. If no memory is left for the queue, it
// merges in a stopped world.
// Invariants.  INV-B-2: an object flagged queued is in exactly one queue, once,
// or is being merged; the entry owns one reference. INV-B-7: every entry is
// merged, at the latest when the owner leaves. INV-B-8: for a detached owner
// nothing waits longer than until somebody queues for it again, it attaches, or a
// collection comes; and nothing at all unless a stop came between the moments of
// queueing and detaching.
// Thread safety.  MergeQueueEnter(), MergeQueueDrain(): the owner, attached.
// MergeQueueLeave(): an attached thread; the owner is that thread or cannot
// run. QueueForMerge(): any attached thread.
// Lock order.  A bucket's mutex is a leaf, but memory is allocated under it.
// Destructors run outside of it, and may queue again.
// Fork.  The mutexes are free: only attached threads take them, and the forking
// thread has stopped the others. The dead threads stay in the table until the
// survivor clears them and drains their queues.
// Source.  CPython Python/brc.c. Differs: keyed by thread state, not by OS
// thread; a thread state can be drained by a foreign thread.

#ifndef RUNTIME_OBJECT_MERGE_QUEUE_H_
#define RUNTIME_OBJECT_MERGE_QUEUE_H_

#include <cstddef>
#include <cstdint>

#include "runtime/base/cache_line.h"
#include "runtime/object/merge_queue_thread.h"
#include "runtime/sync/mutex.h"

namespace rt {

struct Object;
struct ObjectSpace;
struct ObjectThread;

// 257: prime, so ids spread over the buckets.
inline constexpr size_t kMergeBucketCount = 257;

struct alignas(kCacheLineBytes) MergeBucket {
  Mutex mutex;
  MergeQueueThread* first ABSL_GUARDED_BY(mutex) = nullptr;
};

struct MergeTable {
  MergeBucket buckets[kMergeBucketCount];
};

// Enters `thread` in its space's table: from now on it owns what it makes. Once,
// when the thread state is bound.
void MergeQueueEnter(ObjectThread& thread);

// Merges what other threads queued for `thread`. The owner, at a safe point.
// Runs destructors; may be re-entered by them.
void MergeQueueDrain(ObjectThread& thread);

// Merges what is queued for `owner` and takes it out of the table, after which
// others merge its objects themselves. Does nothing if it is not in the table.
// `caller` runs the destructors. Afterwards `owner` owns nothing: what it still
// makes or drops is counted without an owner.
void MergeQueueLeave(ObjectThread& caller, ObjectThread& owner);

// Merges the queues of every thread of the caller's space. The world is
// stopped. Runs no destructor: the dead wait in the caller's trashcan, and the
// caller empties it with DrainTrashcan() when the world runs again.
void MergeAllQueuesWorldStopped(ObjectThread& caller);

// Hands one reference to `object` to its owner's queue. Steals the reference
// and accounts for it when it is really dropped. Any attached thread but the
// owner; the caller has just flagged the object queued. May run destructors.
void QueueForMerge(ObjectThread& thread, Object* object);

// Counts the entries of every queue. World stopped.
[[nodiscard]] size_t QueuedObjectCountWorldStopped(ObjectSpace& space);

// Before fork(), the world stopped: dies unless every mutex is free, as only
// attached threads take them. So the child has none to renew: writing one in each
// bucket would copy five pages.
void CheckMergeTableBeforeFork(const MergeTable& table);

}  // namespace rt

#endif  // RUNTIME_OBJECT_MERGE_QUEUE_H_
