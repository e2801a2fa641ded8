#include "stressd/host/scenario/clock.h"

#include <time.h>

namespace stressd::host {
namespace {

class MonotonicClock final : public Clock {
 public:
  absl::Duration Now() const override {
    timespec now{};
    // Cannot fail: the clock exists and the address is valid.
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return absl::DurationFromTimespec(now);
  }
};

}  // namespace

const Clock& Clock::Monotonic() {
  static const MonotonicClock* const clock = new MonotonicClock();
  return *clock;
}

}  // namespace stressd::host
