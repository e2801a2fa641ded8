#include "runtime/gc/candidate_list.h"

#include <cstddef>

#include "runtime/base/fault_point.h"
#include "runtime/base/raw_memory.h"

namespace rt {

bool CandidateList::Reserve(int64_t count) {
  Free();
  if (FaultPoint("gc.candidates")) return false;
  objects_ = static_cast<Object**>(
      RawAllocate(static_cast<size_t>(count) * sizeof(Object*), alignof(Object*)));
  return objects_ != nullptr;
}

void CandidateList::Free() {
  RawFree(objects_);
  objects_ = nullptr;
  count_ = 0;
  next_ = 0;
}

}  // namespace rt
