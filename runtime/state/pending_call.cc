#include "runtime/state/pending_call.h"

#include <atomic>

#include "runtime/base/check.h"
#include "runtime/state/lease_impl.h"
#include "runtime/state/pending_call_list.h"
#include "runtime/state/runtime_impl.h"
#include "runtime/sync/mutex.h"

namespace rt {

namespace {

void RunAll(PendingCall* call, ThreadState& thread) {
  while (call != nullptr) {
    // The call may free itself.
    PendingCall* const next = call->next;
    call->run(call, thread);
    call = next;
  }
}

PendingCall* TakeAllLocked(PendingCallList& list, size_t* count) {
  PendingCall* const first = list.first;
  list.first = nullptr;
  list.last = nullptr;
  // relaxed: written under the mutex.
  *count = list.count.exchange(0, std::memory_order_relaxed);
  return first;
}

}  // namespace

bool PostPendingCall(Runtime& public_runtime, uint64_t id, PendingCall* call) {
  RuntimeImpl& runtime = *RuntimeImplOf(public_runtime);
  MutexLock lock(runtime.threads_mutex);
  InterpreterImpl* const interpreter = FindInterpreterLocked(runtime, id);
  if (interpreter == nullptr || interpreter->pending_calls.closed) return false;
  PendingCallList& list = interpreter->pending_calls;
  call->next = nullptr;
  // Counted before the bits are raised: who sees its bit sees the count.
  // relaxed: written under the mutex; released below.
  list.count.fetch_add(1, std::memory_order_relaxed);
  if (list.last != nullptr) {
    list.last->next = call;
    list.last = call;
    return true;
  }
  list.first = list.last = call;
  // PC3: later calls find the bits raised, or a thread that will take the list.
  for (ThreadStateImpl* thread = interpreter->threads; thread != nullptr; thread = thread->next) {
    // (T16) release fetch_or, synchronizes with the fetch_and (T9) in
    //       HandleEvalBreaker(): who clears the bit sees the list counted and waits
    //       for the mutex to take it.
    thread->eval_breaker.fetch_or(kEvalBreakerPendingCalls, std::memory_order_release);
  }
  return true;
}

size_t RunPendingCalls(ThreadState& thread) {
  RT_DCHECK(CurrentThreadState() == &thread, "T2", "pending calls on another thread");
  InterpreterImpl& interpreter = ImplOf(*thread.interpreter);
  PendingCallList& list = interpreter.pending_calls;
  // relaxed: a hint. Who posts counts first and raises our bit afterwards, and if we
  // have cleared it already, (T9) has ordered the count before this.
  if (list.count.load(std::memory_order_relaxed) == 0) return 0;
  PendingCall* first = nullptr;
  size_t count = 0;
  {
    MutexLock lock(interpreter.runtime.threads_mutex);
    first = TakeAllLocked(list, &count);
  }
  RunAll(first, thread);
  return count;
}

void RunAndClosePendingCalls(ThreadStateImpl& caller) {
  InterpreterImpl& interpreter = InterpreterOf(caller);
  for (;;) {
    PendingCall* first = nullptr;
    size_t count = 0;
    {
      MutexLock lock(interpreter.runtime.threads_mutex);
      first = TakeAllLocked(interpreter.pending_calls, &count);
      if (first == nullptr) {
        interpreter.pending_calls.closed = true;
        return;
      }
    }
    RunAll(first, caller);
  }
}

size_t PendingCallCount(const Interpreter& interpreter) {
  // relaxed: a momentary view.
  return ImplOf(interpreter).pending_calls.count.load(std::memory_order_relaxed);
}

void CheckPendingCallsLocked(const InterpreterImpl& interpreter) {
  const PendingCallList& list = interpreter.pending_calls;
  size_t count = 0;
  const PendingCall* last = nullptr;
  for (const PendingCall* call = list.first; call != nullptr; call = call->next) {
    last = call;
    ++count;
  }
  // relaxed: the mutex is held.
  RT_CHECK(count == list.count.load(std::memory_order_relaxed), "PC2",
           "%zu pending calls in the list, %zu counted", count,
           list.count.load(std::memory_order_relaxed));
  RT_CHECK(last == list.last, "PC2", "the last pending call is not the end of the list");
  if (count == 0) return;
  for (const ThreadStateImpl* thread = interpreter.threads; thread != nullptr;
       thread = thread->next) {
    // relaxed: as above. A thread in SHUTTING_DOWN reaches no safe point any more.
    const uint32_t bits = thread->eval_breaker.load(std::memory_order_relaxed);
    if (StatusOf(*thread) == ThreadStatus::kShuttingDown) continue;
    RT_CHECK((bits & kEvalBreakerPendingCalls) != 0, "PC3",
             "pending calls wait and a thread state does not know");
  }
}

}  // namespace rt
