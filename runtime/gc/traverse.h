// Traversing: the references that one object holds, with the common kinds inline.
//
// Model.  TypeObject::traverse tells them for every kind; for lists and instances
// it is written out here, because a collection does little else.
// Thread safety.  The world is stopped.

#ifndef RUNTIME_GC_TRAVERSE_H_
#define RUNTIME_GC_TRAVERSE_H_

#include <cstdint>

#include "runtime/object/instance.h"
#include "runtime/object/list.h"
#include "runtime/object/object.h"
#include "runtime/object/type.h"

namespace rt {

// Calls `visit(Object*)` for each reference of a live object, as TypeObject::
// traverse does.
template <typename Visit>
inline void TraverseReferences(Object* object, Visit visit) {
  TypeObject* const type = object->type;
  switch (type->kind) {
    case TypeKind::kList: {
      const auto* const list = reinterpret_cast<const List*>(object);
      // relaxed, all: the world is stopped.
      ListArray* const array = list->array.load(std::memory_order_relaxed);
      const int64_t size = list->size.load(std::memory_order_relaxed);
      for (int64_t i = 0; i < size; ++i) visit(array->items[i].load(std::memory_order_relaxed));
      return;
    }
    case TypeKind::kInstance: {
      auto* const instance = reinterpret_cast<Instance*>(object);
      visit(&type->header);
      for (uint32_t i = 0; i < type->slot_count; ++i) {
        // relaxed: as above.
        Object* const value = instance->slots[i].load(std::memory_order_relaxed);
        if (value != nullptr) visit(value);
      }
      return;
    }
    default:
      if (type->traverse == nullptr) return;
      type->traverse(
          object, [](void* argument, Object* to) { (*static_cast<Visit*>(argument))(to); }, &visit);
      return;
  }
}

// Whether it surely holds no reference. False says nothing.
inline bool HoldsNothing(const Object* object) {
  const TypeObject* const type = object->type;
  // relaxed: the world is stopped.
  if (type->kind == TypeKind::kList) {
    return reinterpret_cast<const List*>(object)->size.load(std::memory_order_relaxed) == 0;
  }
  return type->kind != TypeKind::kInstance && type->traverse == nullptr;
}

}  // namespace rt

#endif  // RUNTIME_GC_TRAVERSE_H_
