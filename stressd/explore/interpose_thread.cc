// Threads: create, join, detach, exit.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "stressd/explore/fork_server.h"
#include "stressd/explore/interpose.h"

namespace explore {
namespace {

[[noreturn]] void Unsupported(const char* what, uintptr_t pc) {
  g_engine.AddStack("called here", g_engine.StackOf(*g_engine.current()), pc);
  g_engine.Report(Verdict::kUnsupported, 0, "the engine does not model %s", what);
}

}  // namespace

int CreateThread(pthread_t* handle, bool detached, void* (*function)(void*), void* argument,
                 uintptr_t pc) {
  g_engine.Init();
  PassForkPoint();
  g_engine.Announce(OperationKind::kCreate, 0, pc);
  g_engine.DrainAll(*g_engine.current());
  Thread* thread = g_engine.Create(function, argument, pc);
  if (thread == nullptr) Unsupported("more than 127 threads per schedule", pc);
  thread->detached = detached;
  *handle = thread->handle;
  return 0;
}

int JoinThread(pthread_t handle, void** result, int64_t deadline_ns, uintptr_t pc) {
  Thread* target = g_engine.FindThread(handle);
  if (target == nullptr) return ESRCH;
  if (target == g_engine.current()) return EDEADLK;
  if (target->detached || target->joined) return EINVAL;
  g_engine.Announce(OperationKind::kJoin, 0, pc);
  g_engine.DrainAll(*g_engine.current());
  if (!g_engine.Wait(WaitKind::kJoin, nullptr, deadline_ns, target)) return ETIMEDOUT;
  target->joined = true;
  g_engine.detector().Acquire(*g_engine.current(), target->clock);
  g_engine.NoteJoined();
  if (result != nullptr) *result = target->result;
  return 0;
}

}  // namespace explore

using namespace explore;  // The C names below stand for one call each.

extern "C" {

int pthread_create(pthread_t* handle, const pthread_attr_t* attributes, void* (*function)(void*),
                   void* argument) {
  int state = PTHREAD_CREATE_JOINABLE;
  if (attributes != nullptr) pthread_attr_getdetachstate(attributes, &state);
  return CreateThread(handle, state == PTHREAD_CREATE_DETACHED, function, argument,
                      EXPLORE_CALLER_PC());
}

int pthread_join(pthread_t handle, void** result) {
  return JoinThread(handle, result, kNoDeadline, EXPLORE_CALLER_PC());
}

int pthread_timedjoin_np(pthread_t handle, void** result, const timespec* time) {
  return JoinThread(handle, result, DeadlineNs(CLOCK_REALTIME, time), EXPLORE_CALLER_PC());
}

int pthread_clockjoin_np(pthread_t handle, void** result, clockid_t clock, const timespec* time) {
  return JoinThread(handle, result, DeadlineNs(clock, time), EXPLORE_CALLER_PC());
}

int pthread_tryjoin_np(pthread_t handle, void** result) {
  Thread* target = g_engine.FindThread(handle);
  if (target != nullptr && !target->ended) {
    g_engine.Announce(OperationKind::kYield, 0, EXPLORE_CALLER_PC());
    if (!target->ended) return EBUSY;
  }
  return JoinThread(handle, result, kNoDeadline, EXPLORE_CALLER_PC());
}

int pthread_detach(pthread_t handle) {
  Thread* target = g_engine.FindThread(handle);
  if (target == nullptr) return ESRCH;
  if (target->detached || target->joined) return EINVAL;
  target->detached = true;
  return 0;
}

void pthread_exit(void* result) {
  if (g_engine.current()->id != 0) g_engine.FinishThread(result);
  // The process ends with its last thread.
  g_engine.Announce(OperationKind::kJoin, 0, EXPLORE_CALLER_PC());
  g_engine.DrainAll(*g_engine.current());
  g_engine.Wait(WaitKind::kAllEnded, nullptr);
  exit(0);
}

int pthread_cancel(pthread_t) { Unsupported("pthread_cancel", EXPLORE_CALLER_PC()); }

int pthread_kill(pthread_t handle, int signal) {
  if (g_engine.initialized() && g_engine.running() && handle != g_engine.current()->handle) {
    Unsupported("pthread_kill of another thread", EXPLORE_CALLER_PC());
  }
  return signal == 0 ? 0 : raise(signal);
}

// Names and processors mean nothing here.
int pthread_setname_np(pthread_t, const char*) { return 0; }
int pthread_setaffinity_np(pthread_t, size_t, const cpu_set_t*) { return 0; }

pid_t fork() {
  if (g_engine.initialized() && g_engine.running() && !g_engine.alone()) {
    Unsupported("fork() of a process with threads", EXPLORE_CALLER_PC());
  }
  static auto* real = Real<pid_t()>("fork");
  return real();
}

}  // extern "C"
