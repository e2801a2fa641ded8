// Virtual time: clocks, sleeps, yields.
#include <errno.h>
#include <sched.h>
#include <sys/time.h>
#include <unistd.h>

#include "stressd/explore/interpose.h"

namespace explore {
namespace {

bool IsRealtime(clockid_t clock) {
  return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI;
}

int64_t StartNs(clockid_t clock) {
  return IsRealtime(clock) ? kRealtimeStartNs : kMonotonicStartNs;
}

void Sleep(int64_t deadline_ns, uintptr_t pc) {
  g_engine.Init();
  g_engine.Announce(OperationKind::kSleep, 0, pc);
  g_engine.DrainAll(*g_engine.current());
  g_engine.Wait(WaitKind::kWoken, nullptr, deadline_ns);
}

int64_t Duration(const timespec* time) { return time->tv_sec * kNanoseconds + time->tv_nsec; }

}  // namespace

int64_t DeadlineNs(clockid_t clock, const timespec* time) {
  // Far in the future means never: no program means the year 2243.
  if (time->tv_sec >= (int64_t{1} << 33)) return kNoDeadline;
  const int64_t deadline_ns = Duration(time) - StartNs(clock);
  return deadline_ns < 0 ? 0 : deadline_ns;
}

}  // namespace explore

using namespace explore;  // The C names below stand for one call each.

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  g_engine.Init();
  const int64_t now_ns = StartNs(clock) + g_engine.now_ns();
  time->tv_sec = now_ns / kNanoseconds;
  time->tv_nsec = now_ns % kNanoseconds;
  return 0;
}

int gettimeofday(timeval* time, void*) noexcept {
  g_engine.Init();
  const int64_t now_ns = kRealtimeStartNs + g_engine.now_ns();
  time->tv_sec = now_ns / kNanoseconds;
  time->tv_usec = now_ns % kNanoseconds / 1000;
  return 0;
}

time_t time(time_t* out) noexcept {
  g_engine.Init();
  const time_t now = (kRealtimeStartNs + g_engine.now_ns()) / kNanoseconds;
  if (out != nullptr) *out = now;
  return now;
}

int nanosleep(const timespec* duration, timespec*) {  // style: the C library's name.
  if (!ValidTime(duration) || duration->tv_sec < 0) {
    errno = EINVAL;
    return -1;
  }
  g_engine.Init();
  Sleep(g_engine.now_ns() + Duration(duration), EXPLORE_CALLER_PC());
  return 0;
}

int clock_nanosleep(clockid_t clock, int flags, const timespec* time, timespec*) {
  if (!ValidTime(time)) return EINVAL;
  g_engine.Init();
  const bool absolute = (flags & TIMER_ABSTIME) != 0;
  Sleep(absolute ? DeadlineNs(clock, time) : g_engine.now_ns() + Duration(time),
        EXPLORE_CALLER_PC());
  return 0;
}

int usleep(useconds_t duration_us) {  // style: the C library's name.
  g_engine.Init();
  Sleep(g_engine.now_ns() + int64_t{duration_us} * 1000, EXPLORE_CALLER_PC());
  return 0;
}

unsigned sleep(unsigned duration_s) {  // style: the C library's own name.
  g_engine.Init();
  Sleep(g_engine.now_ns() + duration_s * kNanoseconds, EXPLORE_CALLER_PC());
  return 0;
}

int sched_yield() noexcept {
  g_engine.Init();
  g_engine.Announce(OperationKind::kYield, 0, EXPLORE_CALLER_PC());
  return 0;
}

}  // extern "C"
