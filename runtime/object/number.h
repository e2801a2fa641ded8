// Numbers: a boxed 64-bit integer. The smallest object, with a freelist.
//
// Invariants.  The value never changes. FL-1, FL-2: see invariants.h. FL-3: a number
// on the freelist has `shared` 0, and where dead objects are not marked its type:
// what its next life need not write.
// Thread safety.  NumberNew(): the attached thread. NumberValue(): whoever holds
// a reference.

#ifndef RUNTIME_OBJECT_NUMBER_H_
#define RUNTIME_OBJECT_NUMBER_H_

#include <cstdint>

#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/check.h"
#include "runtime/object/destroy.h"
#include "runtime/object/new_reference.h"
#include "runtime/object/object.h"
#include "runtime/object/object_space.h"
#include "runtime/object/object_thread.h"

namespace rt {

struct Number {
  Object header;
  int64_t value;
};

// Returns a new reference, or null when out of memory.
[[nodiscard]] inline Number* NumberNew(ObjectThread& thread, int64_t value);

// Dies if `object` is not a live number ("INV-ALIVE").
[[nodiscard]] int64_t NumberValue(const Object* object);

[[nodiscard]] bool IsNumber(const Object* object);

// TypeTable::number_type.destroy.
void DestroyNumber(ObjectThread& thread, Object* object);

inline Object* AsObject(Number* number) { return &number->header; }

namespace internal {

// NumberNew() without the freelist.
[[nodiscard, gnu::noinline]] Number* NumberNewFromHeap(ObjectThread& thread, int64_t value);

// Makes `number`, a block, a number.
inline Number* NumberBegin(ObjectThread& thread, Number* number, int64_t value) {
  number->value = value;
  NewReferenceInline(thread, &number->header, &thread.space->types.number_type,
                     BirthWord(kStatIndexNumber, /*gc_bits=*/0), /*tracked=*/false);
  thread.counters->AddHot(Counter::kNumbersCreated);
  return number;
}

// NumberBegin() of a number off the freelist, whose words of header but these are as
// a new number's (FL-3).
inline Number* NumberBeginAgain(ObjectThread& thread, Number* number, int64_t value) {
  const ThreadId owner_id = thread.owner_id;
  if (owner_id == kNobodyId) [[unlikely]]
    return NumberBegin(thread, number, value);
#if RT_CHECKS
  number->header.type = &thread.space->types.number_type;
#endif
  number->value = value;
  StoreBirthWord(&number->header, BirthWord(kStatIndexNumber, /*gc_bits=*/0));
  // relaxed: probers fail on shared == 0, which it has been all the time.
  number->header.owner.store(owner_id, std::memory_order_relaxed);
  Account(thread, &number->header, 1);
  thread.counters->AddHot(Counter::kNumbersCreated);
  return number;
}

// DestroyNumber() of one that had an owner to the end, where its caller is.
inline void DestroyOwnNumber(ObjectThread& thread, Object* object) {
  thread.counters->AddHot(Counter::kNumbersDestroyed);
  MarkDead(object);
  if (thread.number_freelist.Push(object)) [[likely]] {
    thread.counters->AddHot(Counter::kFreelistPushes);
    return;
  }
  thread.counters->Add(Counter::kFreelistOverflows);
  HeapFree(object);
}

}  // namespace internal

inline Number* NumberNew(ObjectThread& thread, int64_t value) {
  auto* const number = static_cast<Number*>(thread.number_freelist.Pop());
  if (number == nullptr) [[unlikely]] {
    return internal::NumberNewFromHeap(thread, value);
  }
  RT_DCHECK(reinterpret_cast<uintptr_t>(number->header.type) == kDeadTypeWord, "FL-2",
            "a number on the freelist was written to");
  thread.counters->AddHot(Counter::kFreelistHits);
  return internal::NumberBeginAgain(thread, number, value);
}

}  // namespace rt

#endif  // RUNTIME_OBJECT_NUMBER_H_
