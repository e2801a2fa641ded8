// Tuples: a fixed number of references that never change.
//
// Model.  The items are written before the tuple is published and stay until it
// dies, so readers need neither a lock nor a check: who holds the tuple holds
// its items. Dead tuples of up to kLargestFreelistTuple items wait on one
// freelist per size.
// Invariants.  TU-1: every item is a counted reference, or null once the
// collector has cleared the tuple, which then nobody can reach. FL-2: a tuple on
// a freelist has the size of that list.
// Thread safety.  TupleNew(): the attached thread. The rest: any attached thread
// that holds a reference.
// Source.  CPython Objects/tupleobject.c. Differs: 80 instead of 2000 dead tuples
// of a size, and there is no shared empty tuple, whose count all would write.

#ifndef RUNTIME_OBJECT_TUPLE_H_
#define RUNTIME_OBJECT_TUPLE_H_

#include <cstdint>

#include "runtime/object/object.h"
#include "runtime/object/object_thread.h"
#include "runtime/object/type.h"

namespace rt {

struct Tuple {
  Object header;
  int64_t size;
  Object* items[];
};

// Returns a new reference to a tuple of `size` items, adding a reference to each,
// or null, with nothing changed, when out of memory.
[[nodiscard]] Tuple* TupleNew(ObjectThread& thread, Object* const* items, int64_t size);

[[nodiscard]] int64_t TupleSize(const Tuple* tuple);

// Returns a new reference to the item, or null if `index` is out of range.
[[nodiscard]] Object* TupleGet(ObjectThread& thread, const Tuple* tuple, int64_t index);

[[nodiscard]] bool IsTuple(const Object* object);

// TypeTable::tuple_type.destroy, .traverse and .clear.
void DestroyTuple(ObjectThread& thread, Object* object);
void TraverseTuple(Object* object, ObjectVisitor visit, void* argument);
void ClearGarbageTuple(ObjectThread& thread, Object* object);

inline Object* AsObject(Tuple* tuple) { return &tuple->header; }

}  // namespace rt

#endif  // RUNTIME_OBJECT_TUPLE_H_
