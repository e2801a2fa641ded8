// Instances of heap types: a fixed number of reference slots and, if the type
// says so, a finalizer that is called once.
//
// Model.  Slots are read without a lock like list items (list.h) and written
// under the instance's mutex. When the count becomes 0 the finalizer runs with
// one temporary reference; if more exist afterwards the instance lives on, and
// dies without a finalizer later.
// Invariants.  The instance holds a reference to its type, counted by
// IncrefType(). I-1: kFlagFinalized is
// set before the finalizer runs and never cleared.
// Thread safety.  Any attached thread that holds a reference.
// Lock order.  The mutex is a leaf; no reference is dropped under it.
// Source.  CPython Objects/typeobject.c (subtype_dealloc), as an idea.

#ifndef RUNTIME_OBJECT_INSTANCE_H_
#define RUNTIME_OBJECT_INSTANCE_H_

#include <cstddef>
#include <cstdint>

#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/object/new_reference.h"
#include "runtime/object/object.h"
#include "runtime/object/object_thread.h"
#include "runtime/object/per_thread_count.h"
#include "runtime/object/tracking.h"
#include "runtime/object/type.h"

namespace rt {

struct Instance {
  Object header;
  Atomic<Object*> slots[];
};

// Returns a new reference to an instance of heap type `type` with empty slots, or
// null when out of memory. The caller holds a reference to `type`.
[[nodiscard]] inline Instance* InstanceNew(ObjectThread& thread, TypeObject* type);

// Returns a new reference to what the slot holds, or null if it is empty. Dies
// if `slot_index` is out of range ("INV-SLOT").
[[nodiscard]] Object* InstanceGet(ObjectThread& thread, Instance* instance, uint32_t slot_index);

// Adds a reference to `value` (or empties the slot, for null) and drops the old
// one. May run destructors.
void InstanceSet(ObjectThread& thread, Instance* instance, uint32_t slot_index, Object* value);

[[nodiscard]] bool IsInstance(const Object* object);

// TypeObject::destroy, traverse and clear of every heap type.
void DestroyInstance(ObjectThread& thread, Object* object);
void TraverseInstance(Object* object, ObjectVisitor visit, void* argument);
void ClearInstance(ObjectThread& thread, Object* object);

// Destroy() for an instance in its owner's hands: one that holds nothing but its
// type has a shorter way.
void DestroyOwnInstance(ObjectThread& thread, Object* object);

// Claims the one call of the finalizer of `object`; true if it is the caller's
// to make. The caller destroys the object or holds a reference and is the
// collector.
[[nodiscard]] bool ClaimFinalizer(const TypeObject* type, Object* object);

inline Object* AsObject(Instance* instance) { return &instance->header; }
inline Object* AsObject(TypeObject* type) { return &type->header; }

inline Instance* InstanceNew(ObjectThread& thread, TypeObject* type) {
  RT_DCHECK(TypeOf(&type->header)->kind == TypeKind::kType, "INV-KIND", "not a type");
  RT_CHECK(type->kind == TypeKind::kInstance, "INV-KIND", "not a heap type");
  const size_t bytes = sizeof(Instance) + type->slot_count * sizeof(Atomic<Object*>);
  auto* instance =
      reinterpret_cast<Instance*>(AllocateCollectable(thread, bytes, type->prefix_bytes));
  if (instance == nullptr) [[unlikely]]
    return nullptr;
  for (uint32_t i = 0; i < type->slot_count; ++i) {
    // relaxed: published with the instance.
    instance->slots[i].store(nullptr, std::memory_order_relaxed);
  }
  // The reference that the traverse function tells of comes first.
  IncrefType(thread, type);
  NewReferenceInline(thread, &instance->header, type, type->birth_word, /*tracked=*/true);
  thread.counters->AddHot(Counter::kInstancesCreated);
  return instance;
}

}  // namespace rt

#endif  // RUNTIME_OBJECT_INSTANCE_H_
