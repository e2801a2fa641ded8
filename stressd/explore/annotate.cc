#include "stressd/explore/annotate.h"

#include <errno.h>
#include <sys/syscall.h>

#include "stressd/explore/engine.h"
#include "stressd/explore/raw_system.h"

using explore::Address;
using explore::g_engine;

extern "C" {

void stress_explore_poison(const volatile void* start, size_t bytes) {
  const uintptr_t begin = (Address(start) + 7) & ~uintptr_t{7};
  const uintptr_t end = (Address(start) + bytes) & ~uintptr_t{7};
  if (begin < end && g_engine.running()) {
    g_engine.heap().Poison(begin, end, EXPLORE_CALLER_PC());
  }
}

void stress_explore_unpoison(const volatile void* start, size_t bytes) {
  if (g_engine.running()) {
    g_engine.shadow().freed().Unmark(Address(start), Address(start) + bytes);
  }
}

// What is mapped next at that place is somebody else's.
int munmap(void* start, size_t bytes) noexcept {
  const long result =
      explore::RawSystemCall(SYS_munmap, reinterpret_cast<long>(start), static_cast<long>(bytes));
  if (result != 0) {
    errno = static_cast<int>(-result);
    return -1;
  }
  stress_explore_unpoison(start, bytes);
  return 0;
}

}  // extern "C"
