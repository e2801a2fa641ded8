// The one place where load shrinks under sanitizers.
//
// A scenario's parameters are meant for the plain flavor. What multiplies its
// run time (rounds, forks) goes through ScaledLoad(), so that one preset takes
// about the same wall time in every flavor; what shapes it (threads, sizes)
// does not. The divisors come from measured slow-downs of the runtime core:
// ThreadSanitizer 15 to 30 times, AddressSanitizer 2 to 4. Their shadow memory
// and quarantine grow by themselves, so resident memory is judged without them
// only (kJudgesResidentMemory).

#ifndef STRESSD_HOST_SCENARIO_LOAD_SCALE_H_
#define STRESSD_HOST_SCENARIO_LOAD_SCALE_H_

#include <algorithm>
#include <cstdint>

#include "runtime/base/sanitizer.h"

namespace stressd::host {

#if RT_TSAN
inline constexpr int64_t kLoadDivisor = 12;
inline constexpr int64_t kPatienceFactor = 10;
inline constexpr bool kJudgesResidentMemory = false;
#elif RT_ASAN
inline constexpr int64_t kLoadDivisor = 3;
inline constexpr int64_t kPatienceFactor = 4;
inline constexpr bool kJudgesResidentMemory = false;
#else
inline constexpr int64_t kLoadDivisor = 1;
inline constexpr int64_t kPatienceFactor = 1;
inline constexpr bool kJudgesResidentMemory = true;
#endif

// Returns `count` shrunk for this flavor, but not below `least`, nor above
// `count` itself.
constexpr int64_t ScaledLoad(int64_t count, int64_t least = 1) {
  return std::min(count, std::max(least, count / kLoadDivisor));
}
static_assert(ScaledLoad(0) == 0 && ScaledLoad(1) == 1 && ScaledLoad(2, 4) == 2);
static_assert(ScaledLoad(1200) == 1200 / kLoadDivisor && ScaledLoad(1200, 400) >= 400);

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIO_LOAD_SCALE_H_
