#include "runtime/object/object_space.h"

#include <cstring>

#include "runtime/base/check.h"
#include "runtime/object/dict.h"
#include "runtime/object/list.h"
#include "runtime/object/new_reference.h"
#include "runtime/object/number.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/tuple.h"

namespace rt {
namespace {

DelayedFreeHooks WithDefaults(DelayedFreeHooks hooks, QsbrShared* qsbr) {
  hooks.qsbr = qsbr;
  if (hooks.slot == nullptr) {
    hooks.slot = [](void*, void* thread) -> const QsbrSlot* {
      return static_cast<ObjectThread*>(thread)->qsbr_slot;
    };
  }
  if (hooks.release_object == nullptr) {
    hooks.release_object = [](void*, void* thread, void* object) {
      Decref(*static_cast<ObjectThread*>(thread), static_cast<Object*>(object));
    };
  }
  return hooks;
}

// Makes an immortal type in place; nobody else knows it yet.
void MakeBuiltinType(TypeObject& type, TypeObject& type_type, TypeKind kind, uint8_t stat_index,
                     const char* name, void (*destroy)(ObjectThread&, Object*)) {
  // relaxed, all: published with the space.
  type.header.owner.store(kNoOwner, std::memory_order_relaxed);
  type.header.stat_index.store(kStatIndexType, std::memory_order_relaxed);
  type.header.local.store(kImmortalLocal, std::memory_order_relaxed);
  type.header.shared.store(kImmortalShared, std::memory_order_relaxed);
  type.header.gc_bits = 0;
  type.header.type = &type_type;
  type.kind = kind;
  type.stat_index = stat_index;
  type.birth_word = BirthWord(stat_index, /*gc_bits=*/0);
  type.destroy = destroy;
  strncpy(type.name, name, kTypeNameBytes - 1);
  type.alive_tag = kTypeAliveTag;
}

// Makes objects of a built-in type visible to the collector.
void MakeCollectable(TypeObject& type, decltype(TypeObject::traverse) traverse,
                     decltype(TypeObject::clear) clear) {
  type.birth_gc_bits = kGcTracked;
  type.birth_word = BirthWord(type.stat_index, kGcTracked);
  type.traverse = traverse;
  type.clear = clear;
}

void NameSlot(TypeStatSlot& slot, const char* name) {
  slot.state = TypeStatSlot::State::kLive;
  strncpy(slot.name, name, kTypeNameBytes - 1);
}

void MakeBuiltinTypes(TypeTable& types) {
  TypeObject& type_type = types.type_type;
  MakeBuiltinType(type_type, type_type, TypeKind::kType, kStatIndexType, "type", &DestroyType);
  MakeBuiltinType(types.number_type, type_type, TypeKind::kNumber, kStatIndexNumber, "number",
                  &DestroyNumber);
  MakeBuiltinType(types.list_type, type_type, TypeKind::kList, kStatIndexList, "list",
                  &DestroyList);
  MakeBuiltinType(types.weak_reference_type, type_type, TypeKind::kWeakReference,
                  kStatIndexWeakReference, "weak reference", &DestroyWeakReference);
  MakeCollectable(type_type, nullptr, nullptr);
  MakeCollectable(types.list_type, &TraverseList, &ClearGarbageList);
  MakeBuiltinType(types.tuple_type, type_type, TypeKind::kTuple, kStatIndexTuple, "tuple",
                  &DestroyTuple);
  MakeBuiltinType(types.dict_type, type_type, TypeKind::kDict, kStatIndexDict, "dict",
                  &DestroyDict);
  MakeCollectable(types.weak_reference_type, nullptr, nullptr);
  MakeCollectable(types.tuple_type, &TraverseTuple, &ClearGarbageTuple);
  MakeCollectable(types.dict_type, &TraverseDict, &ClearGarbageDict);
  MutexLock lock(types.mutex);
  NameSlot(types.stat_slots[kStatIndexOther], "other");
  NameSlot(types.stat_slots[kStatIndexType], type_type.name);
  NameSlot(types.stat_slots[kStatIndexNumber], types.number_type.name);
  NameSlot(types.stat_slots[kStatIndexList], types.list_type.name);
  NameSlot(types.stat_slots[kStatIndexWeakReference], types.weak_reference_type.name);
  NameSlot(types.stat_slots[kStatIndexTuple], types.tuple_type.name);
  NameSlot(types.stat_slots[kStatIndexDict], types.dict_type.name);
}

}  // namespace

ObjectSpace::ObjectSpace(const ObjectSpaceHooks& given_hooks, const QsbrMemory& qsbr_memory,
                         DelayedFreeHooks delayed_free_hooks, QsbrSequence first_sequence)
    : hooks(given_hooks),
      qsbr(qsbr_memory, first_sequence),
      delayed_free(WithDefaults(delayed_free_hooks, &qsbr)) {
  RT_CHECK(hooks.stop_the_world != nullptr && hooks.start_the_world != nullptr &&
               hooks.reference_total != nullptr,
           "OS-1", "an object space without its hooks");
  MakeBuiltinTypes(types);
}

void ObjectSpaceBeforeFork(ObjectSpace& space) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  space.types.mutex.Lock();
  PerThreadCountsBeforeFork(space.per_thread_counts);
  CheckMergeTableBeforeFork(space.merge_table);
}

void ObjectSpaceAfterForkParent(ObjectSpace& space) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  PerThreadCountsAfterForkParent(space.per_thread_counts);
  space.types.mutex.Unlock();
}

void ObjectSpaceAfterForkChild(ObjectSpace& space) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  PerThreadCountsAfterForkChild(space.per_thread_counts);
  space.types.mutex.AfterForkChild();
}

}  // namespace rt
