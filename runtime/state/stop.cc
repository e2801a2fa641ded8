#include "runtime/state/stop.h"

#include <atomic>
#include <cstdint>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/futex.h"
#include "runtime/base/slow_path_point.h"
#include "runtime/state/attach.h"
#include "runtime/state/invariants.h"
#include "runtime/state/stop_the_world.h"
#include "runtime/stats/counter.h"
#include "runtime/sync/mutex.h"

namespace rt {
namespace {

// 200: some microseconds of looking before a sleep that costs tens of them.
constexpr int kCountdownSpinTurns = 200;

StopTurn* TurnOf(InterpreterImpl* interpreter) {
  return interpreter == nullptr ? nullptr : &interpreter->turn;
}

StopRequest& RequestOf(RuntimeImpl& runtime, InterpreterImpl* interpreter)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(runtime.threads_mutex) {
  return interpreter == nullptr ? runtime.stop : interpreter->stop;
}

// Waits for the turn to stop. Returns false, without a turn, when `caller` was
// shut down; the runtime may be gone by then.
bool TakeTurn(RuntimeImpl& runtime, InterpreterImpl* interpreter, ThreadStateImpl& caller) {
  StopTicket& ticket = caller.ticket;
  ticket.turn = TurnOf(interpreter);
  ticket.group = caller.interpreter;
  // relaxed: not queued yet.
  ticket.status.store(StopTicket::kWaiting, std::memory_order_relaxed);
  {
    MutexLock lock(runtime.threads_mutex);
    runtime.stop_queue.EnterLocked(ticket);
  }
  // relaxed: if it was granted, then by ourselves.
  if (ticket.status.load(std::memory_order_relaxed) == StopTicket::kGranted) {
    return true;
  }
  // Detached, so that whoever has the turn need not wait for us.
  DetachAnywhere(caller);
  const bool granted = StopQueue::Wait(ticket);
  const bool attached = AttachOrRefuse(caller);
  if (attached && granted) return true;
  RT_CHECK(!attached, "SQ2", "a turn was refused to a living thread state");
  if (granted) {
    MutexLock lock(runtime.threads_mutex);
    runtime.stop_queue.LeaveLocked(ticket.turn);
  }
  return Refuse(caller);
}

void WaitForCountdown(StopRequest& request) {
  for (int turn = 0;; ++turn) {
    // (T7) acquire load, synchronizes with the release decrement (T10) in
    //      CountDownLocked() and through it with (T6) in AnswerStop(): we see
    //      everything that the stopped threads did.
    const uint32_t left = request.countdown.load(std::memory_order_acquire);
    if (left == 0) return;
    if (turn < kCountdownSpinTurns && !TakesSlowPath("state.sleep")) {
      SpinBriefly(turn);
    } else {
      FutexWait(request.countdown, left, kNoTimeout);
    }
  }
}

}  // namespace

StopRequest* ActiveRequestLocked(RuntimeImpl& runtime, InterpreterImpl& interpreter) {
  if (runtime.stop.requested) return &runtime.stop;
  return interpreter.stop.requested ? &interpreter.stop : nullptr;
}

void CountDownLocked(RuntimeImpl& runtime, InterpreterImpl& interpreter) {
  StopRequest* const request = ActiveRequestLocked(runtime, interpreter);
  RT_CHECK(request != nullptr, "INV-STW-2", "an answer to no stop");
  // (T10) acq_rel decrement, synchronizes with (T7) in WaitForCountdown().
  const uint32_t left = request->countdown.fetch_sub(1, std::memory_order_acq_rel);
  RT_CHECK(left != 0, "INV-STW-2", "one answer too many");
  if (left == 1) FutexWake(&request->countdown, 1);
}

bool BeginStop(RuntimeImpl& runtime, InterpreterImpl* interpreter, ThreadStateImpl& caller) {
  if (!TakeTurn(runtime, interpreter, caller)) return false;
  StopRequest* request = nullptr;
  uint32_t count = 0;
  {
    MutexLock lock(runtime.threads_mutex);
    request = &RequestOf(runtime, interpreter);
    RT_CHECK(!request->requested, "SQ1", "a stop within a stop");
    request->requested = true;
    request->requester = &caller;
    ++request->stop_count;
    ForEachThreadLocked(runtime, interpreter, [&](ThreadStateImpl& thread) {
      if (&thread != &caller && RequestSuspensionLocked(thread)) ++count;
    });
    // relaxed: nobody answers before the mutex is free.
    request->countdown.store(count, std::memory_order_relaxed);
  }
  // Time is kept only where somebody had to stop: reading the clock costs more
  // than all the rest of a stop that meets nobody.
  request->stopped_ns = 0;
  if (count != 0) {
    const int64_t begin_ns = MonotonicNanoseconds();
    WaitForCountdown(*request);
    request->stopped_ns = MonotonicNanoseconds();
    caller.counters->Add(Counter::kStopWaitNs, request->stopped_ns - begin_ns);
  }
  (interpreter == nullptr ? caller.stopped_runtime : caller.stopped_interpreter) = true;
  caller.delayed_free.AskAgain();
  caller.counters->Add(Counter::kStops);
  // relaxed: a setting, orders nothing.
  const uint32_t every = runtime.check_every_stop_count.load(std::memory_order_relaxed);
  if (every != 0 && request->stop_count % every == 0) {
    CheckScopeWorldStopped(runtime, interpreter, caller);
  }
  return true;
}

void EndStop(RuntimeImpl& runtime, InterpreterImpl* interpreter, ThreadStateImpl& caller) {
  MutexLock lock(runtime.threads_mutex);
  StopRequest& request = RequestOf(runtime, interpreter);
  // relaxed: the last answer was waited for.
  RT_CHECK(request.requested && request.requester == &caller &&
               request.countdown.load(std::memory_order_relaxed) == 0,
           "INV-STW-2", "start of a world that the caller did not stop");
  request.requested = false;
  request.requester = nullptr;
  caller.stopped_runtime = false;
  caller.stopped_interpreter = false;
  if (request.stopped_ns != 0) {
    caller.counters->Add(Counter::kStoppedNs, MonotonicNanoseconds() - request.stopped_ns);
  }
  ForEachThreadLocked(runtime, interpreter, [&](ThreadStateImpl& thread) {
    if (&thread != &caller) ResumeLocked(thread);
  });
  runtime.stop_queue.LeaveLocked(TurnOf(interpreter));
}

bool StopTheWorld(ThreadState& caller, StopScope scope) {
  ThreadStateImpl& thread = ImplOf(caller);
  RT_CHECK(CurrentThreadState() == &caller, "T2", "stop by a thread state that is not current");
  RT_CHECK(thread.destroy_depth == 0, "T5", "stop within a destructor");
  RT_CHECK(!thread.stopped_interpreter && !thread.stopped_runtime, "SQ1", "a stop within a stop");
  InterpreterImpl& interpreter = InterpreterOf(thread);
  return BeginStop(interpreter.runtime, scope == StopScope::kInterpreter ? &interpreter : nullptr,
                   thread);
}

void StartTheWorld(ThreadState& caller) {
  ThreadStateImpl& thread = ImplOf(caller);
  RT_CHECK(thread.stopped_interpreter || thread.stopped_runtime, "INV-STW-2",
           "start without a stop");
  InterpreterImpl& interpreter = InterpreterOf(thread);
  EndStop(interpreter.runtime, thread.stopped_runtime ? nullptr : &interpreter, thread);
}

bool IsWorldStoppedBy(const ThreadState& thread) {
  const ThreadStateImpl& impl = ImplOf(thread);
  return impl.stopped_interpreter || impl.stopped_runtime;
}

}  // namespace rt
