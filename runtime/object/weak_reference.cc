#include "runtime/object/weak_reference.h"

#include <new>

#include "runtime/base/check.h"
#include "runtime/object/destroy.h"
#include "runtime/object/object_space.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/tracking.h"
#include "runtime/object/type.h"

namespace rt {

static_assert(sizeof(ObjectPrefix) == kObjectPrefixBytes);

namespace {

Mutex& StripeOf(ObjectThread& thread, const Object* referent) {
  // 48: the smallest object; neighbours get different stripes.
  const size_t index = reinterpret_cast<uintptr_t>(referent) / 48 % kWeakReferenceStripeCount;
  return thread.space->weak_references.stripes[index].mutex;
}

WeakReference* FirstLocked(Object* referent) {
  // relaxed: written under the stripe mutex.
  return PrefixOf(referent)->first.load(std::memory_order_relaxed);
}

void LinkLocked(WeakReference* reference, Object* referent) {
  reference->previous = nullptr;
  reference->next = FirstLocked(referent);
  if (reference->next != nullptr) reference->next->previous = reference;
  // relaxed: whoever looks without the mutex has all references behind it (W2).
  PrefixOf(referent)->first.store(reference, std::memory_order_relaxed);
  // (W1) release store, synchronizes with the acquire (W3) in
  //      WeakReferenceGet(): a reader sees the object as we do.
  reference->referent.store(referent, std::memory_order_release);
}

// Takes `reference` out of the list. The object must not be touched afterwards,
// nor must `reference`, unless the caller holds a reference to it.
void UnlinkLocked(WeakReference* reference, Object* referent) {
  WeakReference* const next = reference->next;
  if (next != nullptr) next->previous = reference->previous;
  if (reference->previous != nullptr) {
    reference->previous->next = next;
  } else {
    // (W2) release store, synchronizes with the acquire (W5) in
    //      ClearWeakReferences(): who finds the list empty without the mutex may
    //      free the object; this was our last access.
    PrefixOf(referent)->first.store(next, std::memory_order_release);
  }
  reference->next = nullptr;
  reference->previous = nullptr;
  // (W4) release store, synchronizes with the acquire (W3) in
  //      WeakReferenceGet() and (W6) in Leave(): a reader that
  //      took a reference to what came after the object at its address sees that
  //      the name is gone; who destroys `reference` without the mutex comes after
  //      our last access to it.
  reference->referent.store(nullptr, std::memory_order_release);
}

}  // namespace

WeakReference* WeakReferenceNew(ObjectThread& thread, Object* referent,
                                WeakReferenceCallback callback, void* context) {
  if (TypeOf(referent)->prefix_bytes == 0) return nullptr;
  Object* const object = AllocateCollectable(thread, sizeof(WeakReference), /*prefix_bytes=*/0);
  if (object == nullptr) return nullptr;
  auto* const reference = reinterpret_cast<WeakReference*>(object);
  // relaxed: nobody else knows the weak reference yet.
  reference->referent.store(nullptr, std::memory_order_relaxed);
  reference->next = nullptr;
  reference->previous = nullptr;
  reference->callback = callback;
  reference->context = context;
  NewReference(thread, object, &thread.space->types.weak_reference_type);
  thread.counters->Add(Counter::kWeakReferencesCreated);
  // W-2, both: any thread may try to take a reference from now on.
  SetMaybeWeakref(object);
  SetMaybeWeakref(referent);
  MutexLock lock(StripeOf(thread, referent));
  LinkLocked(reference, referent);
  return reference;
}

Object* WeakReferenceGet(ObjectThread& thread, WeakReference* reference) {
  RT_CHECK(IsWeakReference(&reference->header), "INV-KIND", "not a weak reference");
  // (W3) acquire load, synchronizes with the releases (W1) in LinkLocked() and
  //      (W4) in UnlinkLocked(). The memory may be another object's by now;
  //      until our next safe point it has a readable header.
  Object* const referent = reference->referent.load(std::memory_order_acquire);
  if (referent == nullptr) return nullptr;
  // Fails only on the dead: W-2.
  if (!TryIncref(thread, referent)) return nullptr;
  // (W3) again: what we hold cannot die now; is it still what we were to find?
  if (reference->referent.load(std::memory_order_acquire) == referent) return referent;
  Decref(thread, referent);
  return nullptr;
}

size_t WeakReferenceCount(ObjectThread& thread, Object* object) {
  if (TypeOf(object)->prefix_bytes == 0) return 0;
  size_t count = 0;
  MutexLock lock(StripeOf(thread, object));
  for (WeakReference* each = FirstLocked(object); each != nullptr; each = each->next) ++count;
  return count;
}

bool IsWeakReference(const Object* object) {
  return TypeOf(object)->kind == TypeKind::kWeakReference;
}

namespace {

// Leaves the referent's list, if it is in one.
void Leave(ObjectThread& thread, WeakReference* reference) {
  // (W6) acquire load, synchronizes with the release (W4) in UnlinkLocked().
  Object* const referent = reference->referent.load(std::memory_order_acquire);
  if (referent == nullptr) return;
  MutexLock lock(StripeOf(thread, referent));
  // relaxed: written under the mutex. Until it is null the object is there.
  if (reference->referent.load(std::memory_order_relaxed) == referent) {
    UnlinkLocked(reference, referent);
  }
}

}  // namespace

void DestroyWeakReference(ObjectThread& thread, Object* object) {
  Leave(thread, reinterpret_cast<WeakReference*>(object));
  thread.counters->Add(Counter::kWeakReferencesDestroyed);
  ReleaseObjectMemory(object);
}

WeakReference* TakeWeakReferences(ObjectThread& thread, Object* object,
                                  WeakReferenceChoice choice) {
  WeakReference* taken = nullptr;
  MutexLock lock(StripeOf(thread, object));
  WeakReference* next = nullptr;
  for (WeakReference* each = FirstLocked(object); each != nullptr; each = next) {
    next = each->next;
    const bool has_callback = each->callback != nullptr;
    if (choice == WeakReferenceChoice::kOfUnreachableWithCallback && !has_callback) continue;
    // Only in a stopped world may one look at the bits of what it does not hold.
    const bool unreachable =
        choice != WeakReferenceChoice::kOfDead && (each->header.gc_bits & kGcCandidate) != 0;
    // A dying one waits for the mutex, or sees that it has no referent.
    const bool call = has_callback && !unreachable && TryIncref(thread, &each->header);
    UnlinkLocked(each, object);
    thread.counters->Add(Counter::kWeakReferencesCleared);
    if (!call) continue;
    each->next = taken;
    taken = each;
  }
  return taken;
}

void SpliceWeakReferences(WeakReference** references, WeakReference* taken) {
  while (taken != nullptr) {
    WeakReference* const next = taken->next;
    taken->next = *references;
    *references = taken;
    taken = next;
  }
}

void CallFirstWeakReference(ObjectThread& thread, WeakReference** references) {
  WeakReference* const reference = *references;
  *references = reference->next;
  reference->next = nullptr;
  reference->callback(thread, reference, reference->context);
  Decref(thread, &reference->header);
}

void ClearGarbageWeakReferenceWorldStopped(ObjectThread& thread, Object* object) {
  Leave(thread, reinterpret_cast<WeakReference*>(object));
}

void ClearWeakReferences(ObjectThread& thread, Object* object) {
  // (W5) acquire load, synchronizes with the release (W2) in UnlinkLocked(). The
  //      object is dead, so nobody makes another weak reference to it.
  if (PrefixOf(object)->first.load(std::memory_order_acquire) == nullptr) return;
  WeakReference* taken = TakeWeakReferences(thread, object, WeakReferenceChoice::kOfDead);
  while (taken != nullptr) CallFirstWeakReference(thread, &taken);
}

void CheckWeakReferenceInvariantsWorldStopped(const Object* object) {
  const auto* const reference = reinterpret_cast<const WeakReference*>(object);
  // relaxed, all: the world is stopped.
  Object* const referent = reference->referent.load(std::memory_order_relaxed);
  if (referent == nullptr) return;
  const WeakReference* const before =
      reference->previous != nullptr ? reference->previous->next
                                     : PrefixOf(referent)->first.load(std::memory_order_relaxed);
  RT_CHECK(before == reference && TypeOf(referent)->prefix_bytes == kObjectPrefixBytes, "W-1",
           "a weak reference is not in its referent's list");
  RT_CHECK((referent->shared.load(std::memory_order_relaxed) & kSharedFlagMask) != kSharedInitial,
           "W-2", "a referent that other threads could not take");
}

}  // namespace rt
