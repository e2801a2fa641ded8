// Dicts: open addressing from keys to references, read without a lock.
//
// Model.  Writers hold the dict's own mutex. The entries sit in a table of a
// power of two of slots, probed one after the other; a growing dict publishes a
// new table and gives the old one to delayed free. Keys are compared by identity,
// numbers by value: what a slot is about is decided by 64 bits of a hash that no
// two different keys of one sort share, and by the sort, so a reader never looks
// into a key, which may be dead. A slot belongs to one key as long as its table
// lives; deleting takes the references out of it and leaves the hash.
// A reader finds the slot, tries to take a reference to the value, then checks
// that the slot still holds that value and that the table is still the dict's.
// Otherwise it asks again under the mutex.
// A hot dict, one that many threads take references to, can be counted per thread
// (per_thread_count.h).
// Invariants.  D-1: size entries have a value; filled slots have a key, at most
// two thirds of all, so that every search ends. D-2: no reference is dropped and
// no table retired under the mutex. D-3: a slot's hash and sort are constant once
// its key is not 0.
// Thread safety.  Every function: any attached thread that holds a reference to
// the dict. DictGet() is lock-free unless it loses a race or is the first to
// read a value of another thread. A key that is missing was missing at some
// moment during the call.
// Lock order.  The mutex is a leaf, but memory is allocated under it.
// Source.  CPython Objects/dictobject.c. Differs: slots are not reused for other
// keys, so that nothing but the value can change under a reader.

#ifndef RUNTIME_OBJECT_DICT_H_
#define RUNTIME_OBJECT_DICT_H_

#include <cstdint>

#include "runtime/base/atomic.h"
#include "runtime/object/object.h"
#include "runtime/object/object_thread.h"
#include "runtime/object/per_thread_count.h"
#include "runtime/object/type.h"

namespace rt {

struct DictEntry {
  Atomic<uint64_t> hash;
  // Address of the key, with bit 0 set for numbers. 0: never used. Of a deleted
  // entry the address may be dangling.
  Atomic<uintptr_t> key;
  Atomic<Object*> value;  // Null: deleted.
};

// The slots of a dict; a block of the mem heap.
struct DictTable {
  uint64_t mask;   // Slots - 1.
  int64_t filled;  // Slots with a key. Guarded by the dict's mutex.
  DictEntry entries[];
};

struct Dict {
  Object header;
  Atomic<int64_t> size;
  Atomic<DictTable*> table;  // Null: no slots.
  CountIdField count_id;
};

// Returns a new reference to an empty dict, or null when out of memory.
[[nodiscard]] Dict* DictNew(ObjectThread& thread);

// The number of entries, at some moment during the call.
[[nodiscard]] int64_t DictSize(const Dict* dict);

// Returns a new reference to the value of `key`, or null if there is none.
[[nodiscard]] Object* DictGet(ObjectThread& thread, Dict* dict, Object* key);

// Adds references to `key` and `value` and makes the one stand for the other;
// drops the old value. An equal key that is there already stays. False, with
// nothing changed, when out of memory. May run destructors.
[[nodiscard]] bool DictSet(ObjectThread& thread, Dict* dict, Object* key, Object* value);

// Removes `key`; false if it is not there. May run destructors.
bool DictDelete(ObjectThread& thread, Dict* dict, Object* key);

// Removes and drops everything. May run destructors.
void DictClear(ObjectThread& thread, Dict* dict);

// Returns true and new references to the next entry from `*position` on (0 at
// the start), which it advances. What others write meanwhile may show or not.
[[nodiscard]] bool DictNext(ObjectThread& thread, Dict* dict, int64_t* position, Object** key,
                            Object** value);

[[nodiscard]] bool IsDict(const Object* object);

// Has references to `dict` that IncrefDict() takes counted per thread from now on
// (where memory allows): the dict then dies in a merge only.
void DictCountPerThread(ObjectThread& thread, Dict* dict);

// As Incref() and Decref(), without a shared write for a dict that is counted per
// thread.
inline void IncrefDict(ObjectThread& thread, Dict* dict) {
  // relaxed: an id that is seen too late costs a shared count, no more.
  IncrefPerThread(thread, &dict->header, dict->count_id.load(std::memory_order_relaxed));
}
inline void DecrefDict(ObjectThread& thread, Dict* dict) {
  // relaxed: as above.
  DecrefPerThread(thread, &dict->header, dict->count_id.load(std::memory_order_relaxed));
}

// TypeTable::dict_type.destroy, .traverse and .clear.
void DestroyDict(ObjectThread& thread, Object* object);
void TraverseDict(Object* object, ObjectVisitor visit, void* argument);
void ClearGarbageDict(ObjectThread& thread, Object* object);

inline Object* AsObject(Dict* dict) { return &dict->header; }

}  // namespace rt

#endif  // RUNTIME_OBJECT_DICT_H_
