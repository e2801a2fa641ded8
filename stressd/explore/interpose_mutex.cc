// Mutexes of every kind, and spin locks.
#include <errno.h>

#include "stressd/explore/interpose.h"

namespace explore {
namespace {

// The low bits of glibc's kind: the type; the rest are protocols we ignore.
int KindOf(const pthread_mutex_t* mutex) { return mutex->__data.__kind & 3; }

void Take(SyncObject* object, uintptr_t pc) {
  Thread& thread = *g_engine.current();
  object->owner = thread.id;
  object->depth = 1;
  g_engine.detector().Acquire(thread, object->clock);
  if (g_engine.running()) g_engine.detector().Touch(thread, object->address, pc, true);
}

int Lock(SyncObject* object, int kind, int64_t deadline_ns, uintptr_t pc) {
  if (object->owner == g_engine.current()->id) {
    if (kind == PTHREAD_MUTEX_RECURSIVE) {
      ++object->depth;
      return 0;
    }
    if (kind == PTHREAD_MUTEX_ERRORCHECK) return EDEADLK;
    // A normal mutex: the thread waits for itself, which the engine reports.
  }
  if (!g_engine.Wait(WaitKind::kMutex, object, deadline_ns)) return ETIMEDOUT;
  Take(object, pc);
  return 0;
}

int Unlock(SyncObject* object, int kind, uintptr_t pc) {
  Thread& thread = *g_engine.current();
  if (object->owner != thread.id) {
    if (kind == PTHREAD_MUTEX_RECURSIVE || kind == PTHREAD_MUTEX_ERRORCHECK) return EPERM;
    if (!g_engine.running()) return 0;
    g_engine.AddStack("unlocked here", g_engine.StackOf(thread), pc);
    g_engine.Report(Verdict::kMisuse, 0, "thread %u unlocks 0x%llx, which it does not hold",
                    thread.id, static_cast<unsigned long long>(object->address));
  }
  if (--object->depth > 0) return 0;
  object->owner = kNoThread;
  g_engine.detector().Release(thread, object->clock);
  return 0;
}

}  // namespace

SyncObject* Enter(OperationKind kind, const void* object, uintptr_t pc) {
  g_engine.Init();
  g_engine.Announce(kind, Address(object), pc);
  g_engine.DrainAll(*g_engine.current());
  g_engine.NoteProgress();
  return g_engine.shadow().Sync(Address(object));
}

int LockMutex(pthread_mutex_t* mutex, int64_t deadline_ns, uintptr_t pc) {
  return Lock(Enter(OperationKind::kLock, mutex, pc), KindOf(mutex), deadline_ns, pc);
}

int TryLockMutex(pthread_mutex_t* mutex, uintptr_t pc) {
  SyncObject* object = Enter(OperationKind::kLock, mutex, pc);
  if (object->owner == kNoThread) {
    Take(object, pc);
    return 0;
  }
  if (object->owner == g_engine.current()->id && KindOf(mutex) == PTHREAD_MUTEX_RECURSIVE) {
    ++object->depth;
    return 0;
  }
  // A loop around trylock spins.
  if (g_engine.current()->spin.Read(Mix(pc ^ object->address))) g_engine.current()->spinning = true;
  return EBUSY;
}

int UnlockMutex(pthread_mutex_t* mutex, uintptr_t pc) {
  return Unlock(Enter(OperationKind::kUnlock, mutex, pc), KindOf(mutex), pc);
}

}  // namespace explore

using namespace explore;  // The C names below stand for one call each.

extern "C" {

int pthread_mutex_destroy(pthread_mutex_t* mutex) {
  SyncObject* object =
      g_engine.initialized() ? g_engine.shadow().FindSync(Address(mutex)) : nullptr;
  if (object == nullptr) return 0;
  if (object->owner != kNoThread) return EBUSY;
  object->known = false;
  return 0;
}

int pthread_mutex_lock(pthread_mutex_t* mutex) {
  return LockMutex(mutex, kNoDeadline, EXPLORE_CALLER_PC());
}

int pthread_mutex_trylock(pthread_mutex_t* mutex) {
  return TryLockMutex(mutex, EXPLORE_CALLER_PC());
}

int pthread_mutex_timedlock(pthread_mutex_t* mutex, const timespec* time) {
  if (!ValidTime(time)) return EINVAL;
  return LockMutex(mutex, DeadlineNs(CLOCK_REALTIME, time), EXPLORE_CALLER_PC());
}

int pthread_mutex_clocklock(pthread_mutex_t* mutex, clockid_t clock, const timespec* time) {
  if (!ValidTime(time)) return EINVAL;
  return LockMutex(mutex, DeadlineNs(clock, time), EXPLORE_CALLER_PC());
}

int pthread_mutex_unlock(pthread_mutex_t* mutex) { return UnlockMutex(mutex, EXPLORE_CALLER_PC()); }

int pthread_spin_init(pthread_spinlock_t* lock, int) {
  *lock = 0;
  return 0;
}

int pthread_spin_destroy(pthread_spinlock_t*) { return 0; }

int pthread_spin_lock(pthread_spinlock_t* lock) {
  const uintptr_t pc = EXPLORE_CALLER_PC();
  return Lock(Enter(OperationKind::kLock, const_cast<int*>(lock), pc), PTHREAD_MUTEX_NORMAL,
              kNoDeadline, pc);
}

int pthread_spin_trylock(pthread_spinlock_t* lock) {
  const uintptr_t pc = EXPLORE_CALLER_PC();
  SyncObject* object = Enter(OperationKind::kLock, const_cast<int*>(lock), pc);
  if (object->owner != kNoThread) return EBUSY;
  Take(object, pc);
  return 0;
}

int pthread_spin_unlock(pthread_spinlock_t* lock) {
  const uintptr_t pc = EXPLORE_CALLER_PC();
  return Unlock(Enter(OperationKind::kUnlock, const_cast<int*>(lock), pc), PTHREAD_MUTEX_NORMAL,
                pc);
}

}  // extern "C"
