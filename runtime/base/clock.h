// Monotonic time for timeouts and durations inside the runtime core.
#ifndef RUNTIME_BASE_CLOCK_H_
#define RUNTIME_BASE_CLOCK_H_

#include <time.h>

#include <cstdint>

namespace rt {

inline constexpr int64_t kNanosecondsPerMicrosecond = 1000;
inline constexpr int64_t kNanosecondsPerMillisecond = 1000 * 1000;
inline constexpr int64_t kNanosecondsPerSecond = 1000 * 1000 * 1000;

// Nanoseconds since an arbitrary start, the same for all processes since boot;
// never decreases. The clock futex timeouts are measured on.
inline int64_t MonotonicNanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kNanosecondsPerSecond + now.tv_nsec;
}

}  // namespace rt

#endif  // RUNTIME_BASE_CLOCK_H_
