// Lists: growing arrays of references that are read without a lock.
//
// Model.  Writers hold the list's own mutex. The items sit in an array of fixed
// capacity; growing and shrinking make a new one, publish it, and give the old
// one to delayed free, because readers may still look at it. A reader finds an
// item, tries to take a reference (TryIncref), then checks that the slot still
// holds that item and that the array is still the list's: only then was the
// item in the list while the reader held it. Otherwise it asks again under the
// mutex.
// Invariants.  L-1: 0 <= size <= capacity of the array; slots below size are not
// null, slots from size on are null. L-2: no reference is dropped and no array
// retired under the mutex.
// Thread safety.  Every function: any attached thread that holds a reference to
// the list. ListGet() is lock-free unless it loses a race or is the first to
// read an item of another thread.
// Lock order.  The mutex is a leaf, but memory is allocated under it.
// Source.  CPython Objects/listobject.c. Differs: the reader also checks the
// array, so that it cannot return an object that never was in the list.

#ifndef RUNTIME_OBJECT_LIST_H_
#define RUNTIME_OBJECT_LIST_H_

#include <cstdint>

#include "runtime/base/atomic.h"
#include "runtime/object/object.h"
#include "runtime/object/object_thread.h"
#include "runtime/object/type.h"

namespace rt {

// The items of a list; a block of the mem heap.
struct ListArray {
  int64_t capacity;
  Atomic<Object*> items[];
};

struct List {
  Object header;
  Atomic<int64_t> size;
  Atomic<ListArray*> array;  // Null: capacity 0.
};

// Returns a new reference to an empty list, or null when out of memory. The array
// for `capacity` items is made at once; 0 for none.
[[nodiscard]] List* ListNew(ObjectThread& thread, int64_t capacity = 0);

// The number of items, at some moment during the call.
[[nodiscard]] int64_t ListSize(const List* list);

// Returns a new reference to the item, or null if `index` is out of range.
[[nodiscard]] Object* ListGet(ObjectThread& thread, List* list, int64_t index);

// Adds a reference to `item` and appends it. False, with nothing changed, when
// out of memory.
[[nodiscard]] bool ListAppend(ObjectThread& thread, List* list, Object* item);

// Adds a reference to `item` and puts it at `index`; drops the old one. False,
// with nothing changed, if `index` is out of range. May run destructors.
[[nodiscard]] bool ListSet(ObjectThread& thread, List* list, int64_t index, Object* item);

// Removes the last item and returns the list's reference to it, or null if the
// list is empty.
[[nodiscard]] Object* ListPop(ObjectThread& thread, List* list);

// Removes and drops all items. May run destructors.
void ListClear(ObjectThread& thread, List* list);

[[nodiscard]] bool IsList(const Object* object);

// TypeTable::list_type.destroy, .traverse and .clear.
void DestroyList(ObjectThread& thread, Object* object);
void TraverseList(Object* object, ObjectVisitor visit, void* argument);
void ClearGarbageList(ObjectThread& thread, Object* object);

inline Object* AsObject(List* list) { return &list->header; }

}  // namespace rt

#endif  // RUNTIME_OBJECT_LIST_H_
