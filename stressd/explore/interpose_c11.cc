// C11 threads, whose functions do not pass through the pthread names.
#include <errno.h>
#include <threads.h>

#include "stressd/explore/interpose.h"

namespace explore {
namespace {

int C11Status(int error) {
  switch (error) {
    case 0:
      return thrd_success;
    case EBUSY:
      return thrd_busy;
    case ENOMEM:
      return thrd_nomem;
    case ETIMEDOUT:
      return thrd_timedout;
    default:
      return thrd_error;
  }
}

pthread_mutex_t* Mutex(mtx_t* mutex) { return reinterpret_cast<pthread_mutex_t*>(mutex); }
pthread_cond_t* Condition(cnd_t* condition) { return reinterpret_cast<pthread_cond_t*>(condition); }

}  // namespace
}  // namespace explore

using namespace explore;  // The C names below stand for one call each.

extern "C" {

int thrd_create(thrd_t* thread, thrd_start_t function, void* argument) {
  // Both kinds of function return in the same register.
  auto* start = reinterpret_cast<void* (*)(void*)>(reinterpret_cast<void*>(function));
  return C11Status(CreateThread(thread, false, start, argument, EXPLORE_CALLER_PC()));
}

int thrd_join(thrd_t thread, int* result) {
  void* value = nullptr;
  const int error = JoinThread(thread, &value, kNoDeadline, EXPLORE_CALLER_PC());
  if (result != nullptr) *result = static_cast<int>(reinterpret_cast<intptr_t>(value));
  return C11Status(error);
}

int thrd_detach(thrd_t thread) { return C11Status(pthread_detach(thread)); }

void thrd_exit(int result) { pthread_exit(reinterpret_cast<void*>(intptr_t{result})); }

int thrd_sleep(const timespec* duration, timespec* left) {
  // style: the C library's name.
  return nanosleep(duration, left);
}

void thrd_yield() { g_engine.Announce(OperationKind::kYield, 0, EXPLORE_CALLER_PC()); }

int mtx_lock(mtx_t* mutex) {
  return C11Status(LockMutex(Mutex(mutex), kNoDeadline, EXPLORE_CALLER_PC()));
}

int mtx_trylock(mtx_t* mutex) { return C11Status(TryLockMutex(Mutex(mutex), EXPLORE_CALLER_PC())); }

int mtx_timedlock(mtx_t* mutex, const timespec* time) {
  return C11Status(LockMutex(Mutex(mutex), DeadlineNs(CLOCK_REALTIME, time), EXPLORE_CALLER_PC()));
}

int mtx_unlock(mtx_t* mutex) { return C11Status(UnlockMutex(Mutex(mutex), EXPLORE_CALLER_PC())); }

void mtx_destroy(mtx_t*) {}

int cnd_wait(cnd_t* condition, mtx_t* mutex) {
  return C11Status(
      WaitCondition(Condition(condition), Mutex(mutex), kNoDeadline, EXPLORE_CALLER_PC()));
}

int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const timespec* time) {
  return C11Status(WaitCondition(Condition(condition), Mutex(mutex),
                                 DeadlineNs(CLOCK_REALTIME, time), EXPLORE_CALLER_PC()));
}

int cnd_signal(cnd_t* condition) {
  return C11Status(SignalCondition(Condition(condition), false, EXPLORE_CALLER_PC()));
}

int cnd_broadcast(cnd_t* condition) {
  return C11Status(SignalCondition(Condition(condition), true, EXPLORE_CALLER_PC()));
}

void cnd_destroy(cnd_t*) {}

void call_once(once_flag* once, void (*function)()) {
  RunOnce(once, function, EXPLORE_CALLER_PC());
}

int tss_create(tss_t* key, tss_dtor_t destructor) {
  return C11Status(pthread_key_create(key, destructor));
}

void tss_delete(tss_t key) { pthread_key_delete(key); }
void* tss_get(tss_t key) { return pthread_getspecific(key); }
int tss_set(tss_t key, void* value) { return C11Status(pthread_setspecific(key, value)); }

}  // extern "C"
