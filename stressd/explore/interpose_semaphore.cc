// Semaphores and barriers.
#include <errno.h>
#include <semaphore.h>

#include "stressd/explore/interpose.h"

namespace explore {
namespace {

SyncObject* EnterSemaphore(OperationKind kind, sem_t* semaphore, uintptr_t pc) {
  SyncObject* object = Enter(kind, semaphore, pc);
  if (!object->known) {
    // Initialized before the engine knew it: the C library's value counts.
    int value = 0;
    static auto* get = Real<int(sem_t*, int*)>("sem_getvalue");
    get(semaphore, &value);
    object->count = value;
    object->known = true;
  }
  return object;
}

int Fail(int error) {
  errno = error;
  return -1;
}

int WaitSemaphore(sem_t* semaphore, int64_t deadline_ns, uintptr_t pc) {
  SyncObject* object = EnterSemaphore(OperationKind::kWait, semaphore, pc);
  if (!g_engine.Wait(WaitKind::kSemaphore, object, deadline_ns)) return Fail(ETIMEDOUT);
  --object->count;
  g_engine.detector().Acquire(*g_engine.current(), object->clock);
  if (g_engine.running()) {
    g_engine.detector().Touch(*g_engine.current(), object->address, pc, true);
  }
  return 0;
}

}  // namespace
}  // namespace explore

using namespace explore;  // The C names below stand for one call each.

extern "C" {

int sem_init(sem_t* semaphore, int shared, unsigned value) {
  static auto* real = Real<int(sem_t*, int, unsigned)>("sem_init");
  const int status = real(semaphore, shared, value);
  if (status != 0) return status;
  g_engine.Init();
  SyncObject* object = g_engine.shadow().Sync(Address(semaphore));
  object->Reset(object->address, object->next_in_cell);
  object->count = value;
  object->known = true;
  return 0;
}

int sem_destroy(sem_t*) { return 0; }

int sem_wait(sem_t* semaphore) {
  return WaitSemaphore(semaphore, kNoDeadline, EXPLORE_CALLER_PC());
}

int sem_timedwait(sem_t* semaphore, const timespec* time) {
  if (!ValidTime(time)) return Fail(EINVAL);
  return WaitSemaphore(semaphore, DeadlineNs(CLOCK_REALTIME, time), EXPLORE_CALLER_PC());
}

int sem_clockwait(sem_t* semaphore, clockid_t clock, const timespec* time) {
  if (!ValidTime(time)) return Fail(EINVAL);
  return WaitSemaphore(semaphore, DeadlineNs(clock, time), EXPLORE_CALLER_PC());
}

int sem_trywait(sem_t* semaphore) {
  const uintptr_t pc = EXPLORE_CALLER_PC();
  SyncObject* object = EnterSemaphore(OperationKind::kWait, semaphore, pc);
  if (object->count <= 0) {
    if (g_engine.current()->spin.Read(Mix(pc ^ object->address))) {
      g_engine.current()->spinning = true;
    }
    return Fail(EAGAIN);
  }
  --object->count;
  g_engine.detector().Acquire(*g_engine.current(), object->clock);
  return 0;
}

int sem_post(sem_t* semaphore) {
  const uintptr_t pc = EXPLORE_CALLER_PC();
  SyncObject* object = EnterSemaphore(OperationKind::kSignal, semaphore, pc);
  ++object->count;
  g_engine.detector().Release(*g_engine.current(), object->clock);
  if (g_engine.running()) {
    g_engine.detector().Touch(*g_engine.current(), object->address, pc, true);
  }
  return 0;
}

int sem_getvalue(sem_t* semaphore, int* value) {
  *value =
      static_cast<int>(EnterSemaphore(OperationKind::kWait, semaphore, EXPLORE_CALLER_PC())->count);
  return 0;
}

int pthread_barrier_init(pthread_barrier_t* barrier, const pthread_barrierattr_t*, unsigned count) {
  if (count == 0) return EINVAL;
  g_engine.Init();
  SyncObject* object = g_engine.shadow().Sync(Address(barrier));
  object->Reset(object->address, object->next_in_cell);
  object->depth = count;
  object->known = true;
  return 0;
}

int pthread_barrier_destroy(pthread_barrier_t*) { return 0; }

int pthread_barrier_wait(pthread_barrier_t* barrier) {
  const uintptr_t pc = EXPLORE_CALLER_PC();
  SyncObject* object = Enter(OperationKind::kWait, barrier, pc);
  if (!object->known) return EINVAL;
  Thread& thread = *g_engine.current();
  if (g_engine.running()) g_engine.detector().Touch(thread, object->address, pc, true);
  g_engine.detector().Release(thread, object->clock);
  if (++object->count < object->depth) {
    g_engine.Enqueue(object);
    g_engine.Wait(WaitKind::kWoken, object);
    g_engine.detector().Acquire(thread, object->clock);
    return 0;
  }
  object->count = 0;
  while (g_engine.WakeOne(object, /*random=*/false)) {
  }
  g_engine.detector().Acquire(thread, object->clock);
  return PTHREAD_BARRIER_SERIAL_THREAD;
}

}  // extern "C"
