// Weak references: objects that find another object without keeping it alive.
//
// Model.  An instance of a type made with TypeSpec::weakly_referable has
// kObjectPrefixBytes before its header, and in them the head of a list of its weak
// references. A weak reference is an object of its own. It loses its referent
// when that dies (after the finalizer, unless that saved it) or when the
// collector has found it to be garbage; then its callback is called, once, if
// the weak reference itself is still alive.
//   Reading takes no lock: try to take a reference (TryIncref), then look whether
// the weak reference still names the object. A dying object clears the name
// before its memory goes, so a name that still stands was a living object's.
// Invariants.  W-1: `referent` is not null exactly while the weak reference is in
// that object's list. W-2: the list is empty before its object's memory is freed,
// and everything in it may be tried for a reference (flag maybe-weakref).
// Thread safety.  Any attached thread that holds a reference to the weak
// reference, or to the referent where one is made. Callbacks run on the thread
// that dropped the last reference to the referent, or that collects, with no
// mutex held. Like finalizers they must not reach a safe point.
// Lock order.  The stripe mutexes are leaves; no reference is dropped under one,
// and two are never held together.
// Fork.  Nothing to do: only attached threads take the stripes, so they are free.
// Source.  CPython Objects/weakrefobject.c. Differs: reading is lock-free; the
// list is in the object's prefix and its lock in a striped table; weak references
// are not shared between their makers.

#ifndef RUNTIME_OBJECT_WEAK_REFERENCE_H_
#define RUNTIME_OBJECT_WEAK_REFERENCE_H_

#include <cstddef>
#include <cstdint>

#include "runtime/base/atomic.h"
#include "runtime/base/cache_line.h"
#include "runtime/object/object.h"
#include "runtime/object/object_thread.h"
#include "runtime/sync/mutex.h"

namespace rt {

struct WeakReference;

// `reference` has just lost its referent and is alive during the call.
using WeakReferenceCallback = void (*)(ObjectThread& thread, WeakReference* reference,
                                       void* context);

struct WeakReference {
  Object header;
  // Written under the stripe mutex of the referent.
  Atomic<Object*> referent;
  // In the referent's list, guarded by the same; once out of it, links of who
  // holds a reference to call the callback.
  WeakReference* next;
  WeakReference* previous;
  WeakReferenceCallback callback;  // Null: none.
  void* context;                   // Not owned; outlives the callback.
};

// What stands before the header of a weakly referable object.
struct ObjectPrefix {
  Atomic<WeakReference*> first;  // Written under the stripe mutex.
  uint64_t reserved;
};

// 64: more than threads that run at a time; stripes are a cache line each.
inline constexpr size_t kWeakReferenceStripeCount = 64;

struct alignas(kCacheLineBytes) WeakReferenceStripe {
  Mutex mutex;
};

// One per interpreter.
struct WeakReferenceTable {
  WeakReferenceStripe stripes[kWeakReferenceStripeCount];
};

// Returns a new reference to a new weak reference to `referent`, to which the
// caller holds a reference. Null when out of memory, or when the objects of that
// type cannot be referred to weakly.
[[nodiscard]] WeakReference* WeakReferenceNew(ObjectThread& thread, Object* referent,
                                              WeakReferenceCallback callback = nullptr,
                                              void* context = nullptr);

// Returns a new reference to the referent, or null once it is dying. Lock-free.
[[nodiscard]] Object* WeakReferenceGet(ObjectThread& thread, WeakReference* reference);

// Counts the weak references to `object`, to which the caller holds a reference.
[[nodiscard]] size_t WeakReferenceCount(ObjectThread& thread, Object* object);

[[nodiscard]] bool IsWeakReference(const Object* object);

// TypeTable::weak_reference_type.destroy.
void DestroyWeakReference(ObjectThread& thread, Object* object);

// Which weak references to take from the list of an object that is dead, or found
// unreachable in a stopped world: those with a callback, or all of them.
enum class WeakReferenceChoice : uint8_t { kOfDead, kOfUnreachableWithCallback, kOfUnreachable };

// Clears those weak references to `object`, which has a prefix, and returns those
// whose callback is to be called, linked by `next`, a reference to each. A weak
// reference that is dying, or itself found unreachable, is cleared and not called.
// Runs nothing.
[[nodiscard]] WeakReference* TakeWeakReferences(ObjectThread& thread, Object* object,
                                                WeakReferenceChoice choice);

// Puts the chain `taken` before `*references`, both linked by `next`.
void SpliceWeakReferences(WeakReference** references, WeakReference* taken);

// Calls the callback of the first of `*references`, unlinks and drops it before
// it can be looked at again. Holding no mutex.
void CallFirstWeakReference(ObjectThread& thread, WeakReference** references);

// Takes the name from a weak reference that is itself garbage: it will not be
// called. World stopped.
void ClearGarbageWeakReferenceWorldStopped(ObjectThread& thread, Object* object);

// Clears the weak references to dead `object` and calls their callbacks.
void ClearWeakReferences(ObjectThread& thread, Object* object);

// Checks W-1 and W-2 of a live weak reference.
void CheckWeakReferenceInvariantsWorldStopped(const Object* object);

inline Object* AsObject(WeakReference* reference) { return &reference->header; }

// The prefix of an object that has one.
inline ObjectPrefix* PrefixOf(Object* object) {
  return reinterpret_cast<ObjectPrefix*>(reinterpret_cast<char*>(object) - sizeof(ObjectPrefix));
}

}  // namespace rt

#endif  // RUNTIME_OBJECT_WEAK_REFERENCE_H_
