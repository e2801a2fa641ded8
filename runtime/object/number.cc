#include "runtime/object/number.h"

#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/check.h"
#include "runtime/object/object_space.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/type.h"

namespace rt {

static_assert(sizeof(Number) == kNumberBytes);

namespace internal {

Number* NumberNewFromHeap(ObjectThread& thread, int64_t value) {
  auto* const number =
      static_cast<Number*>(AllocateBlock(thread, HeapKind::kObject, sizeof(Number)));
  thread.counters->Add(Counter::kFreelistMisses);
  return number == nullptr ? nullptr : NumberBegin(thread, number, value);
}

}  // namespace internal

int64_t NumberValue(const Object* object) {
  RT_CHECK(IsNumber(object), "INV-KIND", "not a number");
  return reinterpret_cast<const Number*>(object)->value;
}

bool IsNumber(const Object* object) { return TypeOf(object)->kind == TypeKind::kNumber; }

void DestroyNumber(ObjectThread& thread, Object* object) {
  // FL-3. relaxed: dead before and after, as a prober sees it.
  object->shared.store(kSharedInitial, std::memory_order_relaxed);
  internal::DestroyOwnNumber(thread, object);
}

}  // namespace rt
