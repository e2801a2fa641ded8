// Condition variables.
#include <errno.h>

#include "stressd/explore/interpose.h"

namespace explore {
namespace {

// glibc keeps a condition's clock in bit 1 of this word (1: CLOCK_MONOTONIC).
clockid_t ClockOf(const pthread_cond_t* condition) {
  return (condition->__data.__wrefs & 2) != 0 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
}

}  // namespace

int WaitCondition(pthread_cond_t* condition, pthread_mutex_t* mutex, int64_t deadline_ns,
                  uintptr_t pc) {
  SyncObject* object = Enter(OperationKind::kWait, condition, pc);
  SyncObject* lock = g_engine.shadow().Sync(Address(mutex));
  Thread& thread = *g_engine.current();
  if (lock->owner != thread.id) {
    if (!g_engine.running()) return EPERM;
    g_engine.AddStack("waits here", g_engine.StackOf(thread), pc);
    g_engine.Report(Verdict::kMisuse, 0,
                    "thread %u waits for a condition without holding mutex 0x%llx", thread.id,
                    static_cast<unsigned long long>(lock->address));
  }
  if (g_engine.running()) g_engine.detector().Touch(thread, object->address, pc, true);
  const uint32_t depth = lock->depth;
  lock->owner = kNoThread;
  lock->depth = 0;
  g_engine.detector().Release(thread, lock->clock);
  g_engine.Enqueue(object);
  const bool woken = g_engine.Wait(WaitKind::kWoken, object, deadline_ns);
  g_engine.Wait(WaitKind::kMutex, lock);
  lock->owner = thread.id;
  lock->depth = depth;
  g_engine.detector().Acquire(thread, lock->clock);
  return woken ? 0 : ETIMEDOUT;
}

int SignalCondition(pthread_cond_t* condition, bool all, uintptr_t pc) {
  SyncObject* object = Enter(OperationKind::kSignal, condition, pc);
  if (g_engine.running()) {
    g_engine.detector().Touch(*g_engine.current(), object->address, pc, true);
  }
  // Which waiter a signal wakes is not specified: any.
  while (g_engine.WakeOne(object, /*random=*/true) && all) {
  }
  return 0;
}

}  // namespace explore

using namespace explore;  // The C names below stand for one call each.

extern "C" {

int pthread_cond_destroy(pthread_cond_t*) { return 0; }

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  return WaitCondition(condition, mutex, kNoDeadline, EXPLORE_CALLER_PC());
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                           const timespec* time) {
  if (!ValidTime(time)) return EINVAL;
  return WaitCondition(condition, mutex, DeadlineNs(ClockOf(condition), time), EXPLORE_CALLER_PC());
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                           const timespec* time) {
  if (!ValidTime(time)) return EINVAL;
  return WaitCondition(condition, mutex, DeadlineNs(clock, time), EXPLORE_CALLER_PC());
}

int pthread_cond_signal(pthread_cond_t* condition) {
  return SignalCondition(condition, /*all=*/false, EXPLORE_CALLER_PC());
}

int pthread_cond_broadcast(pthread_cond_t* condition) {
  return SignalCondition(condition, /*all=*/true, EXPLORE_CALLER_PC());
}

}  // extern "C"
