// Numbers: a boxed 64-bit integer. The smallest object, with a freelist.
//
// Invariants.  The value never changes. FL-1, FL-2: see invariants.h.
// Thread safety.  NumberNew(): the attached thread. NumberValue(): whoever holds
// a reference.

#ifndef RUNTIME_OBJECT_NUMBER_H_
#define RUNTIME_OBJECT_NUMBER_H_

#include <cstdint>

#include "runtime/object/object.h"
#include "runtime/object/object_thread.h"

namespace rt {

struct Number {
  Object header;
  int64_t value;
};

// Returns a new reference, or null when out of memory.
[[nodiscard]] Number* NumberNew(ObjectThread& thread, int64_t value);

// Dies if `object` is not a live number ("INV-ALIVE").
[[nodiscard]] int64_t NumberValue(const Object* object);

[[nodiscard]] bool IsNumber(const Object* object);

// TypeTable::number_type.destroy.
void DestroyNumber(ObjectThread& thread, Object* object);

inline Object* AsObject(Number* number) { return &number->header; }

}  // namespace rt

#endif  // RUNTIME_OBJECT_NUMBER_H_
