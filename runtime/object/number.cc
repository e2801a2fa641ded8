#include "runtime/object/number.h"

#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/check.h"
#include "runtime/object/destroy.h"
#include "runtime/object/object_space.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/type.h"

namespace rt {

static_assert(sizeof(Number) == kNumberBytes);

Number* NumberNew(ObjectThread& thread, int64_t value) {
  auto* number = static_cast<Number*>(thread.number_freelist.Pop());
  if (number != nullptr) {
    RT_DCHECK(reinterpret_cast<uintptr_t>(number->header.type) == kDeadTypeWord, "FL-2",
              "a number on the freelist was written to");
    thread.counters->Add(Counter::kFreelistHits);
  } else {
    number = static_cast<Number*>(HeapAllocate(thread.heaps, HeapKind::kObject, sizeof(Number)));
    thread.counters->Add(Counter::kFreelistMisses);
    if (number == nullptr) return nullptr;
  }
  number->value = value;
  NewReference(thread, &number->header, &thread.space->types.number_type);
  thread.counters->Add(Counter::kNumbersCreated);
  return number;
}

int64_t NumberValue(const Object* object) {
  RT_CHECK(IsNumber(object), "INV-KIND", "not a number");
  return reinterpret_cast<const Number*>(object)->value;
}

bool IsNumber(const Object* object) { return TypeOf(object)->kind == TypeKind::kNumber; }

void DestroyNumber(ObjectThread& thread, Object* object) {
  thread.counters->Add(Counter::kNumbersDestroyed);
  MarkDead(object);
  if (thread.number_freelist.Push(object)) {
    thread.counters->Add(Counter::kFreelistPushes);
    return;
  }
  thread.counters->Add(Counter::kFreelistOverflows);
  HeapFree(object);
}

}  // namespace rt
