#include "runtime/state/fork.h"

#include <errno.h>
#include <unistd.h>

#include <atomic>

#include "absl/base/thread_annotations.h"
#include "runtime/base/check.h"
#include "runtime/object/object_space.h"
#include "runtime/state/attach.h"
#include "runtime/state/extension.h"
#include "runtime/state/lease_impl.h"
#include "runtime/state/lifecycle.h"
#include "runtime/state/runtime_impl.h"
#include "runtime/state/stop.h"
#include "runtime/stats/counter.h"
#include "runtime/sync/mutex.h"
#include "runtime/sync/parking_lot.h"

namespace rt {
namespace {

RuntimeImpl& RuntimeOf(const ThreadStateImpl& thread) { return InterpreterOf(thread).runtime; }

// The mutexes of one interpreter, in the order of runtime/LOCK_ORDER.md.
void LockInterpreter(InterpreterImpl& interpreter) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  ObjectSpaceBeforeFork(interpreter.space);
  interpreter.space.qsbr.BeforeFork();
  interpreter.space.delayed_free.BeforeFork();
  interpreter.space.bundle_pool.BeforeFork();
}

void UnlockInterpreter(InterpreterImpl& interpreter) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  interpreter.space.bundle_pool.AfterForkParent();
  interpreter.space.delayed_free.AfterForkParent();
  interpreter.space.qsbr.AfterForkParent();
  ObjectSpaceAfterForkParent(interpreter.space);
}

void RenewInterpreter(InterpreterImpl& interpreter,
                      QsbrSlot* survivor) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  interpreter.space.bundle_pool.AfterForkChild();
  interpreter.space.delayed_free.AfterForkChild();
  interpreter.space.qsbr.AfterForkChild(survivor);
  ObjectSpaceAfterForkChild(interpreter.space);
}

void RenewMutexes(RuntimeImpl& runtime, ThreadStateImpl& caller) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  ParkingLot::AfterForkChild();
  for (InterpreterImpl* interpreter = runtime.interpreters; interpreter != nullptr;
       interpreter = interpreter->next) {
    const bool home = interpreter == &InterpreterOf(caller);
    RenewInterpreter(*interpreter, home ? caller.qsbr_slot : nullptr);
  }
  runtime.counter_region.AfterForkChild();
  runtime.threads_mutex.AfterForkChild();
  runtime.lifecycle_mutex.AfterForkChild();
}

// Marks every thread state but the caller's as dead: it is reaped below.
void BuryLocked(RuntimeImpl& runtime, ThreadStateImpl& caller)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(runtime.threads_mutex) {
  for (InterpreterImpl* interpreter = runtime.interpreters; interpreter != nullptr;
       interpreter = interpreter->next) {
    ShutDownOthersLocked(*interpreter, &caller);
    DropLeasesOfTheDeadLocked(*interpreter);
    // Its destroyer does not exist here.
    interpreter->doomed = false;
    // relaxed: this is the only thread.
    interpreter->is_alone.store(true, std::memory_order_relaxed);
    for (ThreadStateImpl* thread = interpreter->threads; thread != nullptr; thread = thread->next) {
      if (thread == &caller) continue;
      // Freed with every slot but the survivor's.
      thread->qsbr_slot = nullptr;
      thread->os_thread_is_gone = thread->os_thread != OsThreadMark();
    }
  }
}

void ForEachExtension(RuntimeImpl& runtime, void (*RuntimeExtension::*function)(void* context)) {
  for (RuntimeExtension* each = runtime.extensions; each != nullptr; each = each->next) {
    if (each->*function != nullptr) (each->*function)(each->context);
  }
}

void ResumeThreads(RuntimeImpl& runtime) {
  MutexLock lock(runtime.threads_mutex);
  for (InterpreterImpl* interpreter = runtime.interpreters; interpreter != nullptr;
       interpreter = interpreter->next) {
    // relaxed: this is the only thread; finalized ones stay as they are.
    if (interpreter->finalizing.load(std::memory_order_relaxed)) continue;
    interpreter->is_alone.store(false, std::memory_order_relaxed);
  }
}

}  // namespace

bool BeforeFork(ThreadState& public_caller) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  ThreadStateImpl& caller = ImplOf(public_caller);
  RT_CHECK(CurrentThreadState() == &caller, "T2", "fork by a thread state that is not current");
  RT_CHECK(caller.destroy_depth == 0, "T5", "fork within a destructor");
  RuntimeImpl& runtime = RuntimeOf(caller);
  if (!BeginStop(runtime, nullptr, caller)) return false;
  caller.counters->Add(Counter::kForks);
  ForEachExtension(runtime, &RuntimeExtension::before_fork);
  runtime.lifecycle_mutex.Lock();
  runtime.threads_mutex.Lock();
  runtime.counter_region.BeforeFork();
  for (InterpreterImpl* interpreter = runtime.interpreters; interpreter != nullptr;
       interpreter = interpreter->next) {
    LockInterpreter(*interpreter);
  }
  ParkingLot::BeforeFork();
  return true;
}

void AfterForkParent(ThreadState& public_caller) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  ThreadStateImpl& caller = ImplOf(public_caller);
  RuntimeImpl& runtime = RuntimeOf(caller);
  ParkingLot::AfterForkParent();
  for (InterpreterImpl* interpreter = runtime.interpreters; interpreter != nullptr;
       interpreter = interpreter->next) {
    UnlockInterpreter(*interpreter);
  }
  runtime.counter_region.AfterForkParent();
  runtime.threads_mutex.Unlock();
  runtime.lifecycle_mutex.Unlock();
  ForEachExtension(runtime, &RuntimeExtension::after_fork_parent);
  EndStop(runtime, nullptr, caller);
}

void AfterForkChild(ThreadState& public_caller) {
  ThreadStateImpl& caller = ImplOf(public_caller);
  RuntimeImpl& runtime = RuntimeOf(caller);
  RenewMutexes(runtime, caller);
  ForEachExtension(runtime, &RuntimeExtension::after_fork_child);
  {
    MutexLock lock(runtime.threads_mutex);
    runtime.stop_queue.AfterForkChild();
    BuryLocked(runtime, caller);
  }
  // Nobody is left to be resumed: the world runs again for the survivor, so
  // destructors may do what they do everywhere.
  EndStop(runtime, nullptr, caller);
  ReapThreadStates(caller);
  ReapOtherInterpreters(caller);
  ResumeThreads(runtime);
}

pid_t Fork(ThreadState& caller) {
  if (!BeforeFork(caller)) {
    errno = ECANCELED;
    return -1;
  }
  const pid_t pid = fork();
  const int error = errno;
  if (pid == 0) {
    AfterForkChild(caller);
  } else {
    AfterForkParent(caller);
  }
  errno = error;
  return pid;
}

}  // namespace rt
