// Type objects: what an object is, and the slot its references are counted in.
//
// Model.  The built-in types are part of the ObjectSpace and immortal. Heap
// types are objects like any other; every instance holds a reference to its
// type, counted per thread once a second thread makes instances
// (per_thread_count.h). Each type has a stat index below kReferenceTypeCount that selects its cell
// of the reference totals: 0 is "other" (no index was free), the first few belong
// to the built-in types. An index is given to a new type only after its old type
// has died and the total of its cell was seen to be 0.
// Heap walks.  A block of a collectable heap is an object, behind prefix_bytes
// that its heap tells; objects with kGcTracked set are alive and whole. A block
// that is handed out but not yet an object, and a freed one that its page does
// not list, have the bit clear.
// Invariants.  T-1: alive_tag is kTypeAliveTag from the end of construction to
// the start of destruction. T-2: an index but 0 belongs to at most one live type.
// Thread safety.  All fields are constant while the type lives, except its
// header, its count id and the links in the space's list (guarded by TypeTable::mutex).
// Lock order.  TypeTable::mutex is a leaf; no reference is dropped under it.
// Fork.  The mutex is object_space.cc's to take and to renew.
// Source.  CPython Objects/typeobject.c, as an idea. Differs: one flat layout.

#ifndef RUNTIME_OBJECT_TYPE_H_
#define RUNTIME_OBJECT_TYPE_H_

#include <cstddef>
#include <cstdint>

#include "runtime/object/object.h"
#include "runtime/object/object_thread.h"
#include "runtime/stats/counter_block.h"
#include "runtime/sync/mutex.h"

namespace rt {

struct Instance;

enum class TypeKind : uint8_t {
  kType,
  kNumber,
  kList,
  kInstance,
  kWeakReference,
  kTuple,
  kDict,
};

// Stat indices of the built-in types.
inline constexpr uint8_t kStatIndexOther = 0;
inline constexpr uint8_t kStatIndexType = 1;
inline constexpr uint8_t kStatIndexNumber = 2;
inline constexpr uint8_t kStatIndexList = 3;
inline constexpr uint8_t kStatIndexWeakReference = 4;
inline constexpr uint8_t kStatIndexTuple = 5;
inline constexpr uint8_t kStatIndexDict = 6;
inline constexpr uint8_t kFirstHeapStatIndex = 7;

// TypeObject::alive_tag of a usable type. Any value no memory holds by chance.
inline constexpr uint64_t kTypeAliveTag = 0x7479706520616c69;

// 1024: an instance then fits mimalloc's 16 KiB small object limit.
inline constexpr uint32_t kMaxTypeSlotCount = 1024;

inline constexpr size_t kTypeNameBytes = 32;

// What a traverse function calls for each reference that the object holds.
using ObjectVisitor = void (*)(void* argument, Object* object);

// Called once in the life of an instance, when its count has become 0. The
// instance is alive during the call and may be kept (resurrected) by storing it
// with a new reference. No runtime mutex is held. Runs on the thread that dropped
// the last reference, which may be any attached thread.
using FinalizerFunction = void (*)(ObjectThread& thread, Instance* instance, void* context);

struct TypeObject {
  Object header;
  uint64_t alive_tag = 0;
  // Destroys a dead instance of this type (destroy.h).
  void (*destroy)(ObjectThread& thread, Object* object) = nullptr;
  TypeKind kind = TypeKind::kInstance;
  uint8_t stat_index = kStatIndexOther;
  // Object::gc_bits of a new object: kGcTracked for the kinds that live in the
  // collectable heaps, 0 for the others.
  uint8_t birth_gc_bits = 0;
  // Bytes of the block before the header: 0, or kObjectPrefixBytes for objects
  // that can be referred to weakly (weak_reference.h).
  uint8_t prefix_bytes = 0;
  uint32_t slot_count = 0;
  // BirthWord() of stat_index and birth_gc_bits (new_reference.h).
  uint64_t birth_word = 0;
  // Calls `visit` for each reference that the object holds (counts), as often as
  // it holds it, its type included where that is a heap type. Touches no count,
  // takes no mutex. World stopped. Null: holds none.
  void (*traverse)(Object* object, ObjectVisitor visit, void* argument) = nullptr;
  // Drops the references of garbage, so that cycles break. Nobody else can reach
  // the object: no mutex, no delayed free. The object stays whole. Runs
  // destructors. Null: nothing to drop.
  void (*clear)(ObjectThread& thread, Object* object) = nullptr;
  Atomic<uint32_t> count_id{0};           // per_thread_count.h; 0 while one thread uses the type.
  FinalizerFunction finalizer = nullptr;  // Null: none.
  void* finalizer_context = nullptr;
  TypeObject* next = nullptr;  // In TypeTable::first.
  TypeObject* previous = nullptr;
  char name[kTypeNameBytes] = {};  // Ends in 0; longer names are cut.
};

// How a heap type is made.
struct TypeSpec {
  const char* name = "";    // Copied.
  uint32_t slot_count = 0;  // 0..kMaxTypeSlotCount.
  FinalizerFunction finalizer = nullptr;
  void* finalizer_context = nullptr;  // Not owned; outlives the type.
  bool weakly_referable = false;      // 16 bytes more an instance.
};

// The life of one stat index.
struct TypeStatSlot {
  enum class State : uint8_t { kFree, kLive, kRetired };
  State state = State::kFree;
  char name[kTypeNameBytes] = {};  // Of the last type that had it.
};

// The types of one interpreter.
struct TypeTable {
  TypeStatSlot stat_slots[kReferenceTypeCount] ABSL_GUARDED_BY(mutex);
  // Built-in types, immortal, made by ObjectSpace's constructor.
  TypeObject type_type;
  TypeObject number_type;
  TypeObject list_type;
  TypeObject weak_reference_type;
  TypeObject tuple_type;
  TypeObject dict_type;
  // Last, beside the other mutexes of the space (object_space.h).
  Mutex mutex;
  TypeObject* first ABSL_GUARDED_BY(mutex) = nullptr;  // Heap types.
  size_t heap_type_count ABSL_GUARDED_BY(mutex) = 0;
};

// Makes a heap type. Returns a new reference, or null when out of memory or when
// slot_count is out of range.
[[nodiscard]] TypeObject* TypeNew(ObjectThread& thread, const TypeSpec& spec);

// Names the type that a stat index belongs to or belonged to last, into `out`.
// Any thread. "other" for 0, "" for an index never used.
void TypeStatName(ObjectSpace& space, size_t stat_index, char (&out)[kTypeNameBytes]);

// How many heap types live. Any thread.
[[nodiscard]] size_t HeapTypeCount(ObjectSpace& space);

// The type of a live object; dies when the object is dead ("INV-ALIVE").
[[nodiscard]] TypeObject* TypeOf(const Object* object);

// Destroys a dead type object: TypeTable::type_type.destroy.
void DestroyType(ObjectThread& thread, Object* object);

}  // namespace rt

#endif  // RUNTIME_OBJECT_TYPE_H_
