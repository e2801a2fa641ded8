// What the interposed calls share.
//
// Model.  The library defines the C library's threading functions under their
// own names; the program and the C++ library bind to ours. Each announces
// itself, acts on the engine's model, and leaves the program's object alone
// but for its static settings.
// Thread safety.  The engine's OS thread only.
#ifndef STRESSD_EXPLORE_INTERPOSE_H_
#define STRESSD_EXPLORE_INTERPOSE_H_

#include <dlfcn.h>
#include <pthread.h>
#include <time.h>

#include "stressd/explore/engine.h"

namespace explore {

// The C library's own function of that name.
template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// Where virtual time begins: arbitrary, equal in every process.
inline constexpr int64_t kNanoseconds = 1000000000;
inline constexpr int64_t kRealtimeStartNs = 1800000000 * kNanoseconds;
inline constexpr int64_t kMonotonicStartNs = 1000 * kNanoseconds;

// A time of `clock` as virtual time since the start; never negative.
int64_t DeadlineNs(clockid_t clock, const timespec* time);
inline bool ValidTime(const timespec* time) {
  return time->tv_nsec >= 0 && time->tv_nsec < kNanoseconds;
}

// pthread functions with an explicit caller, shared with C11's names.
int LockMutex(pthread_mutex_t* mutex, int64_t deadline_ns, uintptr_t pc);
int TryLockMutex(pthread_mutex_t* mutex, uintptr_t pc);
int UnlockMutex(pthread_mutex_t* mutex, uintptr_t pc);
int WaitCondition(pthread_cond_t* condition, pthread_mutex_t* mutex, int64_t deadline_ns,
                  uintptr_t pc);
int SignalCondition(pthread_cond_t* condition, bool all, uintptr_t pc);
int RunOnce(void* once, void (*function)(), uintptr_t pc);
int CreateThread(pthread_t* handle, bool detached, void* (*function)(void*), void* argument,
                 uintptr_t pc);
int JoinThread(pthread_t handle, void** result, int64_t deadline_ns, uintptr_t pc);

// Announces an operation on a synchronization object and makes it a full
// barrier, as every implementation of these calls is.
SyncObject* Enter(OperationKind kind, const void* object, uintptr_t pc);

}  // namespace explore

#endif  // STRESSD_EXPLORE_INTERPOSE_H_
