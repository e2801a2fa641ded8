// The futex system call, made through syscall(): what std::atomic::wait, the
// C++ library's guards and hand-written locks sleep on.
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "stressd/explore/interpose.h"
#include "stressd/explore/raw_system.h"

namespace explore {
namespace {

long Wait(uint32_t* word, uint32_t expected, int64_t deadline_ns, uintptr_t pc) {
  SyncObject* object = Enter(OperationKind::kWait, word, pc);
  if (*word != expected) return -EAGAIN;
  g_engine.Enqueue(object);
  return g_engine.Wait(WaitKind::kWoken, object, deadline_ns) ? 0 : -ETIMEDOUT;
}

long Wake(const void* word, int count, uintptr_t pc) {
  SyncObject* object = Enter(OperationKind::kSignal, word, pc);
  long woken = 0;
  while (woken < count && g_engine.WakeOne(object, /*random=*/false)) ++woken;
  return woken;
}

// Wakes some and wakes the rest too: a requeued waiter may wake up spuriously.
long Requeue(uint32_t* word, const uint32_t* expected, uintptr_t pc) {
  if (expected != nullptr && *word != *expected) return -EAGAIN;
  return Wake(word, INT_MAX, pc);
}

long Futex(uint32_t* word, int operation, uint32_t value, const timespec* time, uint32_t value3,
           uintptr_t pc) {
  int64_t deadline_ns = kNoDeadline;
  const clockid_t clock =
      (operation & FUTEX_CLOCK_REALTIME) != 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC;
  switch (operation & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:
      if (time != nullptr) {
        if (!ValidTime(time) || time->tv_sec < 0) return -EINVAL;
        deadline_ns = g_engine.now_ns() + time->tv_sec * kNanoseconds + time->tv_nsec;
      }
      return Wait(word, value, deadline_ns, pc);
    case FUTEX_WAIT_BITSET:
      if (time != nullptr) deadline_ns = DeadlineNs(clock, time);
      return Wait(word, value, deadline_ns, pc);
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
      return Wake(word, static_cast<int>(value), pc);
    case FUTEX_REQUEUE:
      return Requeue(word, nullptr, pc);
    case FUTEX_CMP_REQUEUE:
      return Requeue(word, &value3, pc);
    default:
      g_engine.AddStack("called here", g_engine.StackOf(*g_engine.current()), pc);
      g_engine.Report(Verdict::kUnsupported, 0, "the engine does not model futex operation %d",
                      operation);
  }
}

}  // namespace
}  // namespace explore

using namespace explore;  // The C names below stand for one call each.

extern "C" {

long syscall(long number, ...) noexcept {
  va_list arguments;
  va_start(arguments, number);
  long a[6];
  for (long& argument : a) argument = va_arg(arguments, long);
  va_end(arguments);
  long result;
  if (number == SYS_futex && g_engine.initialized() && g_engine.running()) {
    result = Futex(reinterpret_cast<uint32_t*>(a[0]), static_cast<int>(a[1]),
                   static_cast<uint32_t>(a[2]), reinterpret_cast<const timespec*>(a[3]),
                   static_cast<uint32_t>(a[5]), EXPLORE_CALLER_PC());
  } else if (number == SYS_gettid && g_engine.initialized()) {
    result = gettid();
  } else {
    result = RawSystemCall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  }
  if (result < 0 && result > -4096) {
    errno = static_cast<int>(-result);
    return -1;
  }
  return result;
}

// All threads share one kernel thread; each still gets a number of its own.
pid_t gettid() noexcept {
  const pid_t kernel = static_cast<pid_t>(RawSystemCall(SYS_getpid));
  return g_engine.initialized() ? kernel + g_engine.current()->id : kernel;
}

}  // extern "C"
