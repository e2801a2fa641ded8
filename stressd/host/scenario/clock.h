// Clock: where a run takes its time from.

#ifndef STRESSD_HOST_SCENARIO_CLOCK_H_
#define STRESSD_HOST_SCENARIO_CLOCK_H_

#include <cstdint>

#include "absl/time/time.h"

namespace stressd::host {

// Monotonic time. Thread safety: all functions from any thread.
class Clock {
 public:
  virtual ~Clock() = default;

  // Returns the time since an arbitrary point that is fixed for the process.
  virtual absl::Duration Now() const = 0;

  // Returns the machine's monotonic clock.
  static const Clock& Monotonic();
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIO_CLOCK_H_
