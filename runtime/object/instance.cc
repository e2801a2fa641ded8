#include "runtime/object/instance.h"

#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/check.h"
#include "runtime/object/destroy.h"
#include "runtime/object/new_reference.h"
#include "runtime/object/per_thread_count.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/tracking.h"
#include "runtime/object/weak_reference.h"

namespace rt {
namespace {

TypeObject* CheckSlot(const Instance* instance, uint32_t slot_index) {
  TypeObject* type = TypeOf(&instance->header);
  RT_CHECK(type->kind == TypeKind::kInstance, "INV-KIND", "not an instance");
  RT_CHECK(slot_index < type->slot_count, "INV-SLOT", "slot %u of %u", slot_index,
           type->slot_count);
  return type;
}

}  // namespace

bool ClaimFinalizer(const TypeObject* type, Object* object) {
  if (type->finalizer == nullptr) return false;
  // relaxed: one thread at a time gets here, ordered by the counts: the
  // collector's reference keeps everybody from destroying the object.
  const uint8_t flags = object->flags.load(std::memory_order_relaxed);
  if ((flags & kFlagFinalized) != 0) return false;
  object->flags.store(flags | kFlagFinalized, std::memory_order_relaxed);
  return true;
}

Object* InstanceGet(ObjectThread& thread, Instance* instance, uint32_t slot_index) {
  CheckSlot(instance, slot_index);
  Atomic<Object*>& slot = instance->slots[slot_index];
  // (N1) acquire load, synchronizes with the release (N3) in InstanceSet(): the
  //      object, as it was when it was stored, is visible.
  Object* value = slot.load(std::memory_order_acquire);
  if (value == nullptr) return nullptr;
  if (TryIncref(thread, value)) {
    // (N2) acquire load, synchronizes with the release (N3) in InstanceSet():
    //      if this is another object at the same address, we see that one.
    if (slot.load(std::memory_order_acquire) == value) return value;
    Decref(thread, value);
  }
  MutexLock lock(instance->header.mutex);
  // relaxed: written under the mutex.
  value = slot.load(std::memory_order_relaxed);
  if (value != nullptr) IncrefMaybeWeakref(thread, value);
  return value;
}

void InstanceSet(ObjectThread& thread, Instance* instance, uint32_t slot_index, Object* value) {
  CheckSlot(instance, slot_index);
  if (value != nullptr) Incref(thread, value);
  Object* old;
  {
    MutexLock lock(instance->header.mutex);
    // relaxed: written under the mutex.
    old = instance->slots[slot_index].load(std::memory_order_relaxed);
    // (N3) release store, synchronizes with the acquire loads (N1) and (N2) in
    //      InstanceGet(): readers see the object that we store.
    instance->slots[slot_index].store(value, std::memory_order_release);
  }
  DecrefIfNotNull(thread, old);
}

bool IsInstance(const Object* object) { return TypeOf(object)->kind == TypeKind::kInstance; }

void DestroyInstance(ObjectThread& thread, Object* object) {
  auto* instance = reinterpret_cast<Instance*>(object);
  TypeObject* const type = object->type;  // Looked at by Destroy().
  if (ClaimFinalizer(type, object)) {
    ResurrectStart(thread, object);
    thread.counters->Add(Counter::kFinalizersRun);
    type->finalizer(thread, instance, type->finalizer_context);
    // Destroys it again if the finalizer kept nothing. Either way it is not
    // ours to touch any more: another thread may already have freed it.
    Decref(thread, object);
    return;
  }
  if (type->prefix_bytes != 0) ClearWeakReferences(thread, object);
  for (uint32_t i = 0; i < type->slot_count; ++i) {
    // relaxed: the last reference is gone, so nobody reads or writes slots.
    DecrefIfNotNull(thread, instance->slots[i].load(std::memory_order_relaxed));
  }
  thread.counters->AddHot(Counter::kInstancesDestroyed);
  ReleaseObjectMemory(object);
  DecrefType(thread, type);
}

namespace {

// Whether the death of `instance` can be seen by nobody: no finalizer, no weak
// reference, no slot to drop.
bool HoldsOnlyItsType(const Instance* instance, const TypeObject* type) {
  if (type->finalizer != nullptr || type->prefix_bytes != 0) return false;
  for (uint32_t i = 0; i < type->slot_count; ++i) {
    // relaxed: the last reference is gone, so nobody reads or writes slots.
    if (instance->slots[i].load(std::memory_order_relaxed) != nullptr) return false;
  }
  return true;
}

}  // namespace

void DestroyOwnInstance(ObjectThread& thread, Object* object) {
  RT_DCHECK(TypeOf(object)->kind == TypeKind::kInstance, "INV-KIND", "not an instance");
  TypeObject* const type = object->type;
  // Nothing can die of it, so neither depth nor trashcan matter. Nothing is called
  // but the last, so no register is saved. An object that was untracked for
  // nothing is one that Destroy() need not untrack.
  if (HoldsOnlyItsType(reinterpret_cast<Instance*>(object), type) &&
      UntrackIfSimple(thread, object) && DecrefTypeIfSimple(thread, type)) [[likely]] {
    thread.counters->AddHot(Counter::kInstancesDestroyed);
    MarkDead(object);
    HeapFree(object);
    return;
  }
  Destroy(thread, object);
}

void TraverseInstance(Object* object, ObjectVisitor visit, void* argument) {
  auto* instance = reinterpret_cast<Instance*>(object);
  visit(argument, &object->type->header);
  const uint32_t slot_count = object->type->slot_count;
  for (uint32_t i = 0; i < slot_count; ++i) {
    // relaxed: the world is stopped.
    Object* const value = instance->slots[i].load(std::memory_order_relaxed);
    if (value != nullptr) visit(argument, value);
  }
}

void ClearInstance(ObjectThread& thread, Object* object) {
  auto* instance = reinterpret_cast<Instance*>(object);
  const uint32_t slot_count = object->type->slot_count;
  for (uint32_t i = 0; i < slot_count; ++i) {
    // relaxed, both: nobody else can reach the instance.
    Object* const value = instance->slots[i].load(std::memory_order_relaxed);
    instance->slots[i].store(nullptr, std::memory_order_relaxed);
    DecrefIfNotNull(thread, value);
  }
}

}  // namespace rt
