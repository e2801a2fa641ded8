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

#include <cstdint>

#include "runtime/base/atomic.h"
#include "runtime/object/object.h"
#include "runtime/object/object_thread.h"
#include "runtime/object/type.h"

namespace rt {

struct Instance {
  Object header;
  Atomic<Object*> slots[];
};

// Returns a new reference to an instance of heap type `type` with empty slots, or
// null when out of memory. The caller holds a reference to `type`.
[[nodiscard]] Instance* InstanceNew(ObjectThread& thread, TypeObject* type);

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

// Claims the one call of the finalizer of `object`; true if it is the caller's
// to make. The caller destroys the object or holds a reference and is the
// collector.
[[nodiscard]] bool ClaimFinalizer(const TypeObject* type, Object* object);

inline Object* AsObject(Instance* instance) { return &instance->header; }
inline Object* AsObject(TypeObject* type) { return &type->header; }

}  // namespace rt

#endif  // RUNTIME_OBJECT_INSTANCE_H_
