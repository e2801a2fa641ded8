#include "stressd/explore/raw_system.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "stressd/explore/array.h"

namespace explore {

void Die(const char* format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  const int used = vsnprintf(line, sizeof(line) - 1, format, arguments);
  va_end(arguments);
  int length =
      used < static_cast<int>(sizeof(line)) - 1 ? used : static_cast<int>(sizeof(line)) - 2;
  if (length < 0) length = 0;
  line[length++] = '\n';
  RawSystemCall(SYS_write, 2, reinterpret_cast<long>(line), length);
  RawSystemCall(SYS_exit_group, 3);
  __builtin_unreachable();
}

void* MapPages(size_t size_bytes) {
  const long address =
      RawSystemCall(SYS_mmap, 0, static_cast<long>(size_bytes), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address < 0) Die("stress-explore: no memory for %zu bytes", size_bytes);
  return reinterpret_cast<void*>(address);
}

void UnmapPages(void* pages, size_t size_bytes) {
  RawSystemCall(SYS_munmap, reinterpret_cast<long>(pages), static_cast<long>(size_bytes));
}

}  // namespace explore
