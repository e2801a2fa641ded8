#include "stressd/host/leak_check.h"

#include "runtime/base/sanitizer.h"

namespace stressd::host {

bool FindLeaks() {
#if RT_ASAN
  return __lsan_do_recoverable_leak_check() != 0;
#else
  return false;
#endif
}

}  // namespace stressd::host
