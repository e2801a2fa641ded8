// Reader-writer locks.
#include <errno.h>

#include "stressd/explore/interpose.h"

namespace explore {
namespace {

int LockForReading(SyncObject* object, int64_t deadline_ns, uintptr_t pc) {
  Thread& thread = *g_engine.current();
  if (object->owner == thread.id) return EDEADLK;
  if (!g_engine.Wait(WaitKind::kReadLock, object, deadline_ns)) return ETIMEDOUT;
  ++object->readers;
  ++object->Readers().held[thread.id];
  g_engine.detector().Acquire(thread, object->clock);
  if (g_engine.running()) g_engine.detector().Touch(thread, object->address, pc, false);
  return 0;
}

int LockForWriting(SyncObject* object, int64_t deadline_ns, uintptr_t pc) {
  Thread& thread = *g_engine.current();
  if (object->owner == thread.id) return EDEADLK;
  if (!g_engine.Wait(WaitKind::kWriteLock, object, deadline_ns)) return ETIMEDOUT;
  object->owner = thread.id;
  g_engine.detector().Acquire(thread, object->clock);
  g_engine.detector().Acquire(thread, object->Readers().clock);
  if (g_engine.running()) g_engine.detector().Touch(thread, object->address, pc, true);
  return 0;
}

}  // namespace
}  // namespace explore

using namespace explore;  // The C names below stand for one call each.

extern "C" {

int pthread_rwlock_destroy(pthread_rwlock_t*) { return 0; }

int pthread_rwlock_rdlock(pthread_rwlock_t* lock) {
  const uintptr_t pc = EXPLORE_CALLER_PC();
  return LockForReading(Enter(OperationKind::kLock, lock, pc), kNoDeadline, pc);
}

int pthread_rwlock_wrlock(pthread_rwlock_t* lock) {
  const uintptr_t pc = EXPLORE_CALLER_PC();
  return LockForWriting(Enter(OperationKind::kLock, lock, pc), kNoDeadline, pc);
}

int pthread_rwlock_tryrdlock(pthread_rwlock_t* lock) {
  const uintptr_t pc = EXPLORE_CALLER_PC();
  SyncObject* object = Enter(OperationKind::kLock, lock, pc);
  if (object->owner != kNoThread) return EBUSY;
  return LockForReading(object, kNoDeadline, pc);
}

int pthread_rwlock_trywrlock(pthread_rwlock_t* lock) {
  const uintptr_t pc = EXPLORE_CALLER_PC();
  SyncObject* object = Enter(OperationKind::kLock, lock, pc);
  if (object->owner != kNoThread || object->readers != 0) return EBUSY;
  return LockForWriting(object, kNoDeadline, pc);
}

int pthread_rwlock_clockrdlock(pthread_rwlock_t* lock, clockid_t clock, const timespec* time) {
  const uintptr_t pc = EXPLORE_CALLER_PC();
  if (!ValidTime(time)) return EINVAL;
  return LockForReading(Enter(OperationKind::kLock, lock, pc), DeadlineNs(clock, time), pc);
}

int pthread_rwlock_clockwrlock(pthread_rwlock_t* lock, clockid_t clock, const timespec* time) {
  const uintptr_t pc = EXPLORE_CALLER_PC();
  if (!ValidTime(time)) return EINVAL;
  return LockForWriting(Enter(OperationKind::kLock, lock, pc), DeadlineNs(clock, time), pc);
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t* lock, const timespec* time) {
  const uintptr_t pc = EXPLORE_CALLER_PC();
  if (!ValidTime(time)) return EINVAL;
  return LockForReading(Enter(OperationKind::kLock, lock, pc), DeadlineNs(CLOCK_REALTIME, time),
                        pc);
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t* lock, const timespec* time) {
  const uintptr_t pc = EXPLORE_CALLER_PC();
  if (!ValidTime(time)) return EINVAL;
  return LockForWriting(Enter(OperationKind::kLock, lock, pc), DeadlineNs(CLOCK_REALTIME, time),
                        pc);
}

int pthread_rwlock_unlock(pthread_rwlock_t* lock) {
  const uintptr_t pc = EXPLORE_CALLER_PC();
  SyncObject* object = Enter(OperationKind::kUnlock, lock, pc);
  Thread& thread = *g_engine.current();
  if (object->owner == thread.id) {
    object->owner = kNoThread;
    g_engine.detector().Release(thread, object->clock);
    return 0;
  }
  if (object->Readers().held[thread.id] > 0) {
    --object->Readers().held[thread.id];
    --object->readers;
    g_engine.detector().Release(thread, object->Readers().clock);
    return 0;
  }
  if (!g_engine.running()) return EPERM;
  g_engine.AddStack("unlocked here", g_engine.StackOf(thread), pc);
  g_engine.Report(Verdict::kMisuse, 0, "thread %u unlocks rwlock 0x%llx, which it does not hold",
                  thread.id, static_cast<unsigned long long>(object->address));
}

}  // extern "C"
