#include <atomic>

#include "runtime/base/check.h"
#include "runtime/state/lifecycle.h"
#include "runtime/sync/mutex.h"

namespace rt {
namespace {

// An interpreter other than `home` that has thread states to reap, or null.
InterpreterImpl* FindUnreaped(RuntimeImpl& runtime, const InterpreterImpl& home) {
  MutexLock lock(runtime.threads_mutex);
  for (InterpreterImpl* interpreter = runtime.interpreters; interpreter != nullptr;
       interpreter = interpreter->next) {
    if (interpreter != &home && interpreter->thread_count != 0) {
      return interpreter;
    }
  }
  return nullptr;
}

}  // namespace

bool Seat::Take(InterpreterImpl& interpreter, Admission admission) {
  ThreadState* const current = CurrentThreadState();
  if (current != nullptr && current->interpreter == &interpreter) {
    thread_ = &ImplOf(*current);
    return true;
  }
  if (current != nullptr) {
    Detach(*current);
    elsewhere_ = current;
  }
  ThreadStateImpl* const thread = CreateThreadState(interpreter, admission);
  if (thread != nullptr && Attach(*thread)) {
    thread_ = thread;
    temporary_ = true;
    return true;
  }
  if (thread != nullptr) ReleaseThreadState(thread);
  Return();
  return false;
}

void Seat::GiveBack() {
  if (!temporary_) return;
  if (CurrentThreadState() == thread_) {
    ClearThreadState(*thread_, *thread_);
    DeleteThreadState(*thread_, *thread_);
  } else {
    ReleaseThreadState(thread_);
  }
  thread_ = nullptr;
  temporary_ = false;
}

void Seat::Return() {
  if (elsewhere_ == nullptr) return;
  // A refusal leaves no current thread state, as the header says.
  (void)Attach(*elsewhere_);
  elsewhere_ = nullptr;
}

void ReapOtherInterpreters(ThreadStateImpl& caller) {
  InterpreterImpl& home = InterpreterOf(caller);
  while (InterpreterImpl* const other = FindUnreaped(home.runtime, home)) {
    Seat seat;
    RT_CHECK(seat.Take(*other, Admission::kOnlyThread), "P3",
             "no memory for a thread state to reap others with");
    ReapThreadStates(seat.thread());
    seat.GiveBack();
    seat.Return();
    RT_CHECK(CurrentThreadState() == &caller, "P3", "the only thread left was shut down");
  }
}

}  // namespace rt
