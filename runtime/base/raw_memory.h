// Memory for the runtime's own structures, from the C library.
//
// Model.  Thread states, slot blocks, queues and heap bundles are made of raw
// memory: it belongs to no heap bundle, may be freed by any thread attached or
// not, and is what LeakSanitizer searches for pointers.
// Thread safety.  Any thread.
// Fork.  The C library makes malloc usable in the child.
#ifndef RUNTIME_BASE_RAW_MEMORY_H_
#define RUNTIME_BASE_RAW_MEMORY_H_

#include <cstddef>

namespace rt {

// Returns `bytes` zeroed bytes aligned to `alignment` (a power of two), or null
// when memory is short or the fault point "base.raw_allocate" says so.
[[nodiscard]] void* RawAllocate(std::size_t bytes, std::size_t alignment);

// Frees what RawAllocate() returned; null is ignored.
void RawFree(void* memory);

}  // namespace rt

#endif  // RUNTIME_BASE_RAW_MEMORY_H_
