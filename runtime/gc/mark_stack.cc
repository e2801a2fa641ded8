#include "runtime/gc/mark_stack.h"

#include <cstring>

#include "runtime/base/fault_point.h"
#include "runtime/base/raw_memory.h"

namespace rt {

MarkStack::~MarkStack() {
  if (entries_ != inline_entries_) RawFree(entries_);
}

bool MarkStack::Grow() {
  if (FaultPoint("gc.mark_stack")) return false;
  const size_t capacity = 2 * capacity_;
  auto* const entries =
      static_cast<Object**>(RawAllocate(capacity * sizeof(Object*), alignof(Object*)));
  if (entries == nullptr) return false;
  memcpy(entries, entries_, size_ * sizeof(Object*));
  if (entries_ != inline_entries_) RawFree(entries_);
  entries_ = entries;
  capacity_ = capacity;
  return true;
}

}  // namespace rt
