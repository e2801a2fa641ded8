#include "runtime/object/type.h"

#include <cstring>

#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/check.h"
#include "runtime/object/destroy.h"
#include "runtime/object/instance.h"
#include "runtime/object/object_space.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/tracking.h"

namespace rt {
namespace {

void CopyName(char (&out)[kTypeNameBytes], const char* name) {
  const size_t length = strnlen(name, kTypeNameBytes - 1);
  memcpy(out, name, length);
  memset(out + length, 0, kTypeNameBytes - length);
}

// Claims the first index of `wanted` state that `allowed` admits; 0 if none.
uint8_t ClaimIndexLocked(TypeTable& types, TypeStatSlot::State wanted,
                         const bool (&allowed)[kReferenceTypeCount], const char* name)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(types.mutex) {
  for (size_t i = kFirstHeapStatIndex; i < kReferenceTypeCount; ++i) {
    TypeStatSlot& slot = types.stat_slots[i];
    if (slot.state != wanted || !allowed[i]) continue;
    slot.state = TypeStatSlot::State::kLive;
    CopyName(slot.name, name);
    return static_cast<uint8_t>(i);
  }
  return kStatIndexOther;
}

// Returns an index for a new type: one never used, or one whose type has died
// and whose references are all gone, or kStatIndexOther.
uint8_t ClaimIndex(ObjectSpace& space, const char* name) {
  TypeTable& types = space.types;
  bool allowed[kReferenceTypeCount];
  for (bool& index : allowed) index = true;
  {
    MutexLock lock(types.mutex);
    const uint8_t fresh = ClaimIndexLocked(types, TypeStatSlot::State::kFree, allowed, name);
    if (fresh != kStatIndexOther) return fresh;
  }
  // Outside of the mutex, a leaf. An index may come and go meanwhile: then its
  // total was 0 too, or it is not retired any more.
  for (size_t i = kFirstHeapStatIndex; i < kReferenceTypeCount; ++i) {
    allowed[i] = space.hooks.reference_total(space.hooks.context, i) == 0;
  }
  MutexLock lock(types.mutex);
  return ClaimIndexLocked(types, TypeStatSlot::State::kRetired, allowed, name);
}

void LinkType(TypeTable& types, TypeObject* type) {
  MutexLock lock(types.mutex);
  type->previous = nullptr;
  type->next = types.first;
  if (types.first != nullptr) types.first->previous = type;
  types.first = type;
  ++types.heap_type_count;
}

void UnlinkType(TypeTable& types, TypeObject* type) {
  MutexLock lock(types.mutex);
  if (type->next != nullptr) type->next->previous = type->previous;
  if (type->previous != nullptr) {
    type->previous->next = type->next;
  } else {
    types.first = type->next;
  }
  --types.heap_type_count;
  if (type->stat_index != kStatIndexOther) {
    types.stat_slots[type->stat_index].state = TypeStatSlot::State::kRetired;
  }
}

}  // namespace

TypeObject* TypeNew(ObjectThread& thread, const TypeSpec& spec) {
  if (spec.slot_count > kMaxTypeSlotCount) return nullptr;
  // The only step that can fail comes first: nothing to undo.
  auto* type = reinterpret_cast<TypeObject*>(
      AllocateCollectable(thread, sizeof(TypeObject), /*prefix_bytes=*/0));
  if (type == nullptr) return nullptr;
  // relaxed: published with the type.
  type->count_id.store(0, std::memory_order_relaxed);
  type->destroy = &DestroyInstance;
  type->kind = TypeKind::kInstance;
  type->slot_count = spec.slot_count;
  type->birth_gc_bits = kGcTracked;
  type->prefix_bytes = spec.weakly_referable ? kObjectPrefixBytes : 0;
  type->traverse = &TraverseInstance;
  type->clear = &ClearInstance;
  type->finalizer = spec.finalizer;
  type->finalizer_context = spec.finalizer_context;
  CopyName(type->name, spec.name);
  type->stat_index = ClaimIndex(*thread.space, spec.name);
  type->birth_word = BirthWord(type->stat_index, type->birth_gc_bits);
  type->alive_tag = kTypeAliveTag;
  NewReference(thread, &type->header, &thread.space->types.type_type);
  LinkType(thread.space->types, type);
  thread.counters->Add(Counter::kTypesCreated);
  return type;
}

void TypeStatName(ObjectSpace& space, size_t stat_index, char (&out)[kTypeNameBytes]) {
  RT_CHECK(stat_index < kReferenceTypeCount, "T-2", "stat index %zu", stat_index);
  MutexLock lock(space.types.mutex);
  memcpy(out, space.types.stat_slots[stat_index].name, kTypeNameBytes);
}

size_t HeapTypeCount(ObjectSpace& space) {
  MutexLock lock(space.types.mutex);
  return space.types.heap_type_count;
}

TypeObject* TypeOf(const Object* object) {
  CheckAlive(object);
  TypeObject* type = object->type;
  if (reinterpret_cast<uintptr_t>(type) == kDeadTypeWord || type == nullptr) [[unlikely]] {
    ReportDeadObject(object);
  }
  RT_CHECK(type->alive_tag == kTypeAliveTag, "T-1", "object %p has dead type %p",
           static_cast<const void*>(object), static_cast<const void*>(type));
  return type;
}

void DestroyType(ObjectThread& thread, Object* object) {
  auto* type = reinterpret_cast<TypeObject*>(object);
  thread.counters->Add(Counter::kTypesDestroyed);
  UnlinkType(thread.space->types, type);
  type->alive_tag = 0;
  ReleaseObjectMemory(object);
}

}  // namespace rt
