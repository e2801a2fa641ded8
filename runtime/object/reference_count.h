// Biased reference counting: taking and dropping references.
//
// Model.  See object.h for the fields. The owner counts with plain-cost loads
// and stores; others with one atomic operation. When a thread that is not the
// owner drops a reference that only the owner's count can cover, it flags the
// object queued and hands its reference to the owner's merge queue
// (merge_queue.h). When the owner's count reaches 0, or the queue is merged, the
// object loses its owner and lives on `shared` alone.
// Invariants.  INV-B-1..7 of object.h and merge_queue.h. INV-RT-1: the sum of
// the reference totals over all threads is the sum of the true counts of the
// live mortal objects, exactly, at quiescence: every operation below accounts
// for what it adds or drops, a queued reference is dropped when it is merged.
// Immortal objects are sticky: counting them does nothing, for ever.
// Thread safety.  Any attached thread that holds a reference, unless a comment
// says more. No runtime mutex may be held where a reference is dropped.
// Source.  Choi, Shull, Torrellas, PACT 2018; CPython Include/refcount.h,
// Objects/object.c. Differs: a local count that would run over is moved into the
// shared one; immortality is visible in both fields, so that totals stay exact.

#ifndef RUNTIME_OBJECT_REFERENCE_COUNT_H_
#define RUNTIME_OBJECT_REFERENCE_COUNT_H_

#include <cstdint>

#include "runtime/object/object.h"
#include "runtime/object/object_thread.h"

namespace rt {

// Makes `object`, fresh or reused memory, a live object of `type` with one
// reference, owned by `thread`. Takes no reference to `type`. What a traverse
// function reads of it must be set before: from here on the collector sees it.
void NewReference(ObjectThread& thread, Object* object, TypeObject* type);

// Adds a reference. The caller holds one.
inline void Incref(ObjectThread& thread, Object* object);

// Drops a reference, steals it. May run destructors.
inline void Decref(ObjectThread& thread, Object* object);

// Decref() that ignores null.
inline void DecrefIfNotNull(ObjectThread& thread, Object* object);

// Tries to add a reference to an object that the caller found without holding
// one: in a place that lock-free readers may look at. `object` may be dead; its
// header must be readable (object heap, QSBR). After success the caller checks
// that the place still holds the object, else it drops the reference. Fails on
// dead objects, and on objects of other threads that were never marked with
// SetMaybeWeakref(), handed over or merged.
[[nodiscard]] inline bool TryIncref(ObjectThread& thread, Object* object);

// Lets other threads' TryIncref() succeed from now on. The caller holds a
// reference, or a lock that keeps one alive.
void SetMaybeWeakref(Object* object);

// Incref() and SetMaybeWeakref() at once, for a reader that found `object` under
// the lock that keeps it alive.
void IncrefMaybeWeakref(ObjectThread& thread, Object* object);

// True if the one reference that the calling thread holds is the only one, it is
// the owner, and no other thread may try to take one. False says nothing.
[[nodiscard]] inline bool IsUniquelyReferenced(const ObjectThread& thread, const Object* object);

// Takes the ownership off `object`, adding `extra` references to its count at
// once, and returns the new true count; 0 means that the caller must Destroy()
// it. Callers: the owner; anyone in a stopped world; or who holds the bucket
// mutex of an owner that has left or is borrowed. The caller holds a reference, which `extra`
// may be about. Not for immortal objects.
[[nodiscard]] int64_t ExplicitMerge(ObjectThread& thread, Object* object, int64_t extra);

// Makes `object` live for ever. Only its owner can, and only while nothing of
// it waits in a queue; returns false, changing nothing, otherwise. The caller's
// reference is then not counted any more, nor is any other one.
[[nodiscard]] bool MakeImmortal(ObjectThread& thread, Object* object);

[[nodiscard]] inline bool IsImmortal(const Object* object);

// Gives dead `object` one reference, held by the calling thread, so that its
// finalizer can run. The caller drops it with Decref() and does not touch the
// object afterwards: if that is the last reference it is destroyed again.
void ResurrectStart(ObjectThread& thread, Object* object);

// The sum of local and shared count, less the bias of per-thread counts. World
// stopped, or the object otherwise at rest; what waits in arrays is not in it.
// Immortal objects: meaningless.
[[nodiscard]] int64_t TrueCount(const Object* object);

}  // namespace rt

#include "runtime/object/reference_count_inl.h"  // IWYU pragma: export

#endif  // RUNTIME_OBJECT_REFERENCE_COUNT_H_
