#include "runtime/object/tuple.h"

#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/check.h"
#include "runtime/object/destroy.h"
#include "runtime/object/object_space.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/tracking.h"

namespace rt {
namespace {

static_assert(sizeof(Tuple) == kTupleBytes);

// Keeps the byte count far from overflow.
constexpr int64_t kLargestTuple = int64_t{1} << 40;

size_t TupleBytes(int64_t size) {
  return sizeof(Tuple) + static_cast<size_t>(size) * sizeof(Object*);
}

Tuple* AllocateTuple(ObjectThread& thread, int64_t size) {
  if (size < kTupleFreelistCount) {
    auto* tuple = static_cast<Tuple*>(thread.tuple_freelists.of_size[size].Pop());
    if (tuple != nullptr) {
      RT_DCHECK(reinterpret_cast<uintptr_t>(tuple->header.type) == kDeadTypeWord, "FL-2",
                "a tuple on the freelist was written to");
      RT_DCHECK(tuple->size == size, "FL-2", "a tuple of %lld items on the list for %lld",
                static_cast<long long>(tuple->size), static_cast<long long>(size));
      thread.counters->Add(Counter::kFreelistHits);
      return tuple;
    }
    thread.counters->Add(Counter::kFreelistMisses);
  }
  return reinterpret_cast<Tuple*>(
      AllocateCollectable(thread, TupleBytes(size), /*prefix_bytes=*/0));
}

const Tuple* CheckTuple(const Tuple* tuple) {
  RT_CHECK(IsTuple(&tuple->header), "INV-KIND", "not a tuple");
  return tuple;
}

}  // namespace

Tuple* TupleNew(ObjectThread& thread, Object* const* items, int64_t size) {
  if (size < 0 || size > kLargestTuple) return nullptr;
  Tuple* tuple = AllocateTuple(thread, size);
  if (tuple == nullptr) return nullptr;
  tuple->size = size;
  for (int64_t i = 0; i < size; ++i) {
    Incref(thread, items[i]);
    tuple->items[i] = items[i];
  }
  NewReference(thread, &tuple->header, &thread.space->types.tuple_type);
  return tuple;
}

int64_t TupleSize(const Tuple* tuple) { return CheckTuple(tuple)->size; }

Object* TupleGet(ObjectThread& thread, const Tuple* tuple, int64_t index) {
  CheckTuple(tuple);
  if (index < 0 || index >= tuple->size) return nullptr;
  // The tuple's reference keeps it alive, and the caller's keeps the tuple.
  Incref(thread, tuple->items[index]);
  return tuple->items[index];
}

bool IsTuple(const Object* object) { return TypeOf(object)->kind == TypeKind::kTuple; }

void DestroyTuple(ObjectThread& thread, Object* object) {
  ClearGarbageTuple(thread, object);
  const int64_t size = reinterpret_cast<Tuple*>(object)->size;
  MarkDead(object);
  if (size < kTupleFreelistCount) {
    if (thread.tuple_freelists.of_size[size].Push(object)) {
      thread.counters->Add(Counter::kFreelistPushes);
      return;
    }
    thread.counters->Add(Counter::kFreelistOverflows);
  }
  HeapFree(object);
}

void TraverseTuple(Object* object, ObjectVisitor visit, void* argument) {
  const auto* tuple = reinterpret_cast<const Tuple*>(object);
  for (int64_t i = 0; i < tuple->size; ++i) {
    if (tuple->items[i] != nullptr) visit(argument, tuple->items[i]);
  }
}

void ClearGarbageTuple(ObjectThread& thread, Object* object) {
  auto* tuple = reinterpret_cast<Tuple*>(object);
  for (int64_t i = 0; i < tuple->size; ++i) {
    Object* const item = tuple->items[i];
    tuple->items[i] = nullptr;
    DecrefIfNotNull(thread, item);
  }
}

}  // namespace rt
