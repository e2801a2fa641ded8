// The heap's entry points and the C library's ways to die.
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stressd/explore/crash_handler.h"
#include "stressd/explore/engine.h"

extern "C" {
void* __libc_malloc(size_t size_bytes);
void* __libc_calloc(size_t count, size_t size_bytes);
void* __libc_realloc(void* block, size_t size_bytes);
void* __libc_memalign(size_t alignment, size_t size_bytes);
void __libc_free(void* block);
}

using explore::g_engine;

namespace {

void* Allocated(void* block) {
  if (block != nullptr && g_engine.running()) {
    g_engine.heap().Allocated(block, malloc_usable_size(block));
  }
  return block;
}

void Free(void* block, uintptr_t pc) {
  if (block == nullptr) return;
  if (g_engine.running()) {
    g_engine.heap().Free(block, pc);
  } else {
    __libc_free(block);
  }
}

}  // namespace

extern "C" {

void* malloc(size_t size_bytes) { return Allocated(__libc_malloc(size_bytes)); }

void* calloc(size_t count, size_t size_bytes) {
  return Allocated(__libc_calloc(count, size_bytes));
}

void* realloc(void* block, size_t size_bytes) {
  if (block == nullptr || !g_engine.running()) return __libc_realloc(block, size_bytes);
  void* moved = malloc(size_bytes);
  if (moved == nullptr) return nullptr;
  const size_t present = malloc_usable_size(block);
  memcpy(moved, block, present < size_bytes ? present : size_bytes);
  Free(block, EXPLORE_CALLER_PC());
  return moved;
}

void* memalign(size_t alignment, size_t size_bytes) {
  return Allocated(__libc_memalign(alignment, size_bytes));
}

void* aligned_alloc(size_t alignment, size_t size_bytes) {
  return Allocated(__libc_memalign(alignment, size_bytes));
}

int posix_memalign(void** out, size_t alignment, size_t size_bytes) {
  if (alignment % sizeof(void*) != 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
  void* block = __libc_memalign(alignment, size_bytes);
  if (block == nullptr) return ENOMEM;
  *out = Allocated(block);
  return 0;
}

void free(void* block) { Free(block, EXPLORE_CALLER_PC()); }

// operator delete, so that a report shows the line that deletes; a program's
// own definition wins.
__attribute__((weak)) void _ZdlPv(void* block) { Free(block, EXPLORE_CALLER_PC()); }
__attribute__((weak)) void _ZdaPv(void* block) { Free(block, EXPLORE_CALLER_PC()); }
__attribute__((weak)) void _ZdlPvm(void* block, size_t) { Free(block, EXPLORE_CALLER_PC()); }
__attribute__((weak)) void _ZdaPvm(void* block, size_t) { Free(block, EXPLORE_CALLER_PC()); }

void __assert_fail(const char* assertion, const char* file, unsigned line,
                   const char* function) noexcept {
  char text[400];
  snprintf(text, sizeof(text), "%s:%u: %s: assertion `%s' failed", file, line, function, assertion);
  explore::SetCrashMessage(text);
  fprintf(stderr, "%s\n", text);
  abort();
}

}  // extern "C"
