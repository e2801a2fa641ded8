#include "runtime/base/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <climits>
#include <cstdint>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"

namespace rt {
namespace {

// 4: a hand-over between two running threads takes about as long as four
// relaxed turns; after that the other one probably is not running.
constexpr int kRelaxTurns = 4;

timespec ToTimespec(int64_t duration_ns) {
  timespec result;
  result.tv_sec = duration_ns / kNanosecondsPerSecond;
  result.tv_nsec = duration_ns % kNanosecondsPerSecond;
  return result;
}

}  // namespace

FutexResult FutexWait(const Atomic<uint32_t>& word, uint32_t expected, int64_t timeout_ns,
                      SchedulePointSite site) {
  SchedulePoint(SchedulePointKind::kWait, &word, site);
  timespec timeout;
  timespec* timeout_argument = nullptr;
  if (timeout_ns >= 0) {
    timeout = ToTimespec(timeout_ns);
    timeout_argument = &timeout;
  }
  const int saved_errno = errno;
  const long status = syscall(SYS_futex, &word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, expected,
                              timeout_argument, nullptr, 0);
  const int error = errno;
  errno = saved_errno;
  if (status == 0) return FutexResult::kWoken;
  if (error == ETIMEDOUT) return FutexResult::kTimedOut;
  RT_CHECK(error == EAGAIN || error == EINTR, "FUTEX-I2", "futex wait: error %d", error);
  return FutexResult::kWoken;
}

void FutexWake(const Atomic<uint32_t>* word, int count, SchedulePointSite site) {
  SchedulePoint(SchedulePointKind::kWake, word, site);
  const int saved_errno = errno;
  // EFAULT is possible and harmless: the owner of the word may be gone (I1).
  syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count < 0 ? INT_MAX : count, nullptr,
          nullptr, 0);
  errno = saved_errno;
}

void SpinBriefly(int turn, SchedulePointSite site) {
  SchedulePoint(SchedulePointKind::kSpin, nullptr, site);
  if (turn < kRelaxTurns) {
    CpuRelax();
  } else {
    sched_yield();
  }
}

}  // namespace rt
