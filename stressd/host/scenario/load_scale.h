// The one place where load shrinks under sanitizers.
//
// A scenario's parameters are meant for the plain flavor. What multiplies its
// run time (rounds, forks) goes through ScaledLoad(), so that one preset takes
// about the same wall time in every flavor; what shapes it (threads, sizes)
// does not. The divisors come from measured slow-downs of the runtime core:
// ThreadSanitizer 15 to 30 times, AddressSanitizer 2 to 4.

#ifndef STRESSD_HOST_SCENARIO_LOAD_SCALE_H_
#define STRESSD_HOST_SCENARIO_LOAD_SCALE_H_

#include <algorithm>
#include <cstdint>

#include "runtime/base/sanitizer.h"

namespace stressd::host {

#if RT_TSAN
inline constexpr int64_t kLoadDivisor = 12;
inline constexpr int64_t kPatienceFactor = 10;
#elif RT_ASAN
inline constexpr int64_t kLoadDivisor = 3;
inline constexpr int64_t kPatienceFactor = 4;
#else
inline constexpr int64_t kLoadDivisor = 1;
inline constexpr int64_t kPatienceFactor = 1;
#endif

// Returns `count` shrunk for this flavor, at least 1 (0 stays 0).
constexpr int64_t ScaledLoad(int64_t count) {
  return count <= 0 ? 0 : std::max<int64_t>(1, count / kLoadDivisor);
}

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIO_LOAD_SCALE_H_
