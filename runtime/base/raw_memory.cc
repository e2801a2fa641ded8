#include "runtime/base/raw_memory.h"

#include <cstdlib>
#include <cstring>

#include "runtime/base/fault_point.h"

namespace rt {

void* RawAllocate(std::size_t bytes, std::size_t alignment) {
  if (FaultPoint("base.raw_allocate")) return nullptr;
  void* memory = nullptr;
  if (alignment < sizeof(void*)) alignment = sizeof(void*);
  if (posix_memalign(&memory, alignment, bytes) != 0) return nullptr;
  return std::memset(memory, 0, bytes);
}

void RawFree(void* memory) { std::free(memory); }

}  // namespace rt
