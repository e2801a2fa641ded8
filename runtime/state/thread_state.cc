#include "runtime/state/thread_state.h"

#include <atomic>
#include <memory>
#include <new>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/fault_point.h"
#include "runtime/base/raw_memory.h"
#include "runtime/base/thread_id.h"
#include "runtime/object/destroy.h"
#include "runtime/object/merge_queue.h"
#include "runtime/object/per_thread_count.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/tracking.h"
#include "runtime/state/attach.h"
#include "runtime/state/lifecycle.h"
#include "runtime/state/pending_call.h"
#include "runtime/state/stop.h"
#include "runtime/stats/counter.h"

namespace rt {
namespace {

// Frees the memory of a thread state, unless the interpreter's reserve lacks it.
// Guarded by lifecycle_mutex.
void FreeOrReserve(InterpreterImpl& interpreter, ThreadStateImpl* thread) {
  std::destroy_at(thread);
  if (interpreter.reserve.memory == nullptr) {
    interpreter.reserve.memory = thread;
  } else {
    RawFree(thread);
  }
}

// Says that `slot` is not used any more, if it is the one in reserve.
void LeaveReserve(InterpreterImpl& interpreter, const CounterSlot* slot) {
  if (slot == &interpreter.reserve.counters) interpreter.reserve.counters_taken = false;
}

// Gives back what a thread state that was never linked has, in reverse order.
void DiscardThreadState(InterpreterImpl& interpreter, ThreadStateImpl* thread) {
  if (thread->counter_slot != nullptr) {
    interpreter.runtime.counter_region.Release(thread->counter_slot, &interpreter.reserve.counters);
    LeaveReserve(interpreter, thread->counter_slot);
  }
  if (thread->qsbr_slot != nullptr) {
    interpreter.space.qsbr.Release(thread->qsbr_slot);
  }
  FreeOrReserve(interpreter, thread);
}

QsbrSlot* ReserveSlot(QsbrShared& qsbr, uint64_t owner_id, bool from_reserve) {
  QsbrSlot* const slot = FaultPoint("state.reserve_slot") ? nullptr : qsbr.Reserve(owner_id);
  return slot == nullptr && from_reserve ? qsbr.ReserveLast(owner_id) : slot;
}

CounterSlot* AcquireCounters(InterpreterImpl& interpreter, uint64_t owner_id, bool from_reserve) {
  ThreadStateReserve& reserve = interpreter.reserve;
  CounterSlot* const last = from_reserve && !reserve.counters_taken ? &reserve.counters : nullptr;
  if (last == nullptr && FaultPoint("state.acquire_counters")) return nullptr;
  CounterSlot* const slot = interpreter.runtime.counter_region.Acquire(
      CounterOwnerKind::kThreadState, owner_id, interpreter.id, last);
  if (slot != nullptr && slot == last) reserve.counters_taken = true;
  return slot;
}

// Gives a new thread state its parts, from the reserve if it must and may be.
// Returns false when memory ran out, leaving null what it could not get.
bool EquipThreadState(InterpreterImpl& interpreter, ThreadStateImpl& thread, bool from_reserve) {
  ObjectSpace& space = interpreter.space;
  thread.id = NextThreadStateId();
  thread.interpreter = &interpreter;
  thread.space = &space;
  thread.os_thread = OsThreadMark();
  thread.hangs_when_refused = interpreter.runtime.config.late_attach == LateAttach::kHang;
  thread.qsbr_slot = ReserveSlot(space.qsbr, thread.id, from_reserve);
  if (thread.qsbr_slot == nullptr) return false;
  thread.counter_slot = AcquireCounters(interpreter, thread.id, from_reserve);
  if (thread.counter_slot == nullptr) return false;
  thread.counters = &thread.counter_slot->block;
  thread.may_adopt_heaps = true;
  thread.delayed_free.Init(&space.delayed_free, static_cast<ObjectThread*>(&thread),
                           thread.counters);
  return true;
}

bool IsAdmittedLocked(const InterpreterImpl& interpreter, Admission admission)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(interpreter.runtime.threads_mutex) {
  if (admission == Admission::kOnlyThread) return true;
  // relaxed: written under the mutex.
  const bool finalizing = interpreter.finalizing.load(std::memory_order_relaxed);
  if (admission == Admission::kFinalizer) {
    return !finalizing || interpreter.finalized;
  }
  const size_t limit = interpreter.runtime.config.max_thread_state_count;
  return !finalizing && !interpreter.doomed &&
         (limit == 0 || interpreter.runtime.thread_count < limit);
}

void LinkLocked(InterpreterImpl& interpreter, ThreadStateImpl& thread)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(interpreter.runtime.threads_mutex) {
  const StopRequest* const request = ActiveRequestLocked(interpreter.runtime, interpreter);
  // relaxed: published by the mutex. Born suspended if a stop is on: it is not
  // counted, and the start of the world lets it go.
  thread.state.store(request != nullptr ? kSuspendedWord : kDetachedWord,
                     std::memory_order_relaxed);
  // relaxed, both: published by the mutex.
  if (interpreter.pending_calls.count.load(std::memory_order_relaxed) != 0) {
    thread.eval_breaker.fetch_or(kEvalBreakerPendingCalls, std::memory_order_relaxed);
  }
  thread.next = interpreter.threads;
  if (thread.next != nullptr) thread.next->previous = &thread;
  interpreter.threads = &thread;
  thread.linked = true;
  ++interpreter.thread_count;
  ++interpreter.runtime.thread_count;
  interpreter.counters->block.Add(Counter::kThreadStatesCreated);
}

void UnlinkLocked(InterpreterImpl& interpreter, ThreadStateImpl& thread)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(interpreter.runtime.threads_mutex) {
  RT_CHECK(thread.linked, "INV-T-1", "unlink of an unlinked thread state");
  if (thread.previous != nullptr) {
    thread.previous->next = thread.next;
  } else {
    interpreter.threads = thread.next;
  }
  if (thread.next != nullptr) thread.next->previous = thread.previous;
  thread.linked = false;
  --interpreter.thread_count;
  --interpreter.runtime.thread_count;
  interpreter.counters->block.Add(Counter::kThreadStatesDestroyed);
}

// Gives up `count` of the two parties. Returns whether none is left.
bool LeaveParties(ThreadStateImpl& thread, uint32_t count) {
  // (T11) acq_rel decrement, synchronizes with itself: the last party frees what
  //       the other has written.
  const uint32_t before = thread.party_count.fetch_sub(count, std::memory_order_acq_rel);
  RT_CHECK(before == 1 || before == 2, "INV-T-3", "%u parties", before);
  RT_CHECK(before >= count, "INV-T-3", "%u of %u parties left", count, before);
  return before == count;
}

}  // namespace

ThreadStateImpl* CreateThreadState(InterpreterImpl& interpreter, Admission admission) {
  RuntimeImpl& runtime = interpreter.runtime;
  // Held until the end, so that no fork copies a half made thread state.
  MutexLock lifecycle(runtime.lifecycle_mutex);
  {
    MutexLock lock(interpreter.runtime.threads_mutex);
    if (!IsAdmittedLocked(interpreter, admission)) return nullptr;
  }
  const bool from_reserve = admission != Admission::kPublic;
  void* memory = RawAllocate(sizeof(ThreadStateImpl), alignof(ThreadStateImpl));
  if (memory == nullptr && from_reserve)
    memory = std::exchange(interpreter.reserve.memory, nullptr);
  if (memory == nullptr) return nullptr;
  auto* const thread = new (memory) ThreadStateImpl;
  if (!EquipThreadState(interpreter, *thread, from_reserve)) {
    DiscardThreadState(interpreter, thread);
    return nullptr;
  }
  {
    MutexLock lock(interpreter.runtime.threads_mutex);
    // Asked again: finalization may have begun meanwhile.
    if (IsAdmittedLocked(interpreter, admission)) {
      LinkLocked(interpreter, *thread);
      return thread;
    }
  }
  DiscardThreadState(interpreter, thread);
  return nullptr;
}

ThreadState* NewThreadState(Interpreter& interpreter) {
  return CreateThreadState(ImplOf(interpreter), Admission::kPublic);
}

void ClearThreadState(ThreadState& public_caller, ThreadState& public_victim) {
  ThreadStateImpl& caller = ImplOf(public_caller);
  ThreadStateImpl& victim = ImplOf(public_victim);
  RT_CHECK(CurrentThreadState() == &caller && caller.interpreter == victim.interpreter, "INV-CLR-1",
           "clear by a thread that is not of the interpreter");
  InterpreterImpl& interpreter = InterpreterOf(victim);
  if (&victim != &caller) {
    MutexLock lock(interpreter.runtime.threads_mutex);
    RT_CHECK(ShutDownLocked(victim), "INV-CLR-1",
             "clear of a thread state that is attached elsewhere");
  }
  // Destructors may hand it another one.
  while (victim.local_object != nullptr) {
    Object* const local = victim.local_object;
    victim.local_object = nullptr;
    Decref(caller, local);
  }
  victim.clear_step = ClearStep::kReferencesDropped;
  // The victim's lists, whoever the caller is.
  DisableObjectFreelists(victim);
  victim.clear_step = ClearStep::kFreelistsDisabled;
  // Before the queue is left: a merge in a stopped world finds threads there.
  FinishPerThreadCounts(caller, victim);
  victim.clear_step = ClearStep::kPerThreadCountsFinished;
  // Runs what is due now, while the victim is still in the merge table and may
  // own new objects; what the queue's destructors add is handed over below.
  victim.delayed_free.Abandon(static_cast<ObjectThread*>(&caller));
  if (victim.bound) MergeQueueLeave(caller, victim);
  victim.bound = false;
  victim.clear_step = ClearStep::kMergeQueueLeft;
  victim.delayed_free.HandOver();
  victim.clear_step = ClearStep::kDelayedFreeHandedOver;
  FlushTrackedCount(victim);
  victim.may_adopt_heaps = false;
  if (victim.heaps != nullptr) {
    HeapBundle* const heaps = victim.heaps;
    victim.heaps = nullptr;
    caller.counters->Add(Counter::kHeapBundlesAbandoned);
    interpreter.space.bundle_pool.Park(heaps);
  }
  victim.clear_step = ClearStep::kHeapsParked;
}

void DeleteThreadState(ThreadState& public_caller, ThreadState& public_victim) {
  ThreadStateImpl& caller = ImplOf(public_caller);
  ThreadStateImpl& victim = ImplOf(public_victim);
  const bool self = &caller == &victim;
  RT_CHECK(CurrentThreadState() == &caller && caller.interpreter == victim.interpreter, "INV-DEL-1",
           "delete by a thread that is not of the interpreter");
  RT_CHECK(victim.clear_step == ClearStep::kHeapsParked, "INV-CLR-1",
           "delete of a thread state that was not cleared");
  InterpreterImpl& interpreter = InterpreterOf(victim);
  RuntimeImpl& runtime = interpreter.runtime;
  {
    // Held until the end, so that no fork copies a half deleted thread state.
    MutexLock lifecycle(runtime.lifecycle_mutex);
    {
      MutexLock lock(interpreter.runtime.threads_mutex);
      // Before the answer and before a stop can miss it: in a stopped world nobody's
      // slot but the stopper's is attached, so every goal is reached there.
      if (self) EndReading(victim);
      // Attached until here (INV-DEL-1): a stop counts on its answer.
      // relaxed: stops set the flag under the mutex.
      if (self && (victim.state.load(std::memory_order_relaxed) & kStopRequestedFlag) != 0) {
        CountDownLocked(interpreter.runtime, interpreter);
      }
      // What it untracked since it was cleared. INV-GC-5.
      FlushTrackedCount(victim);
      UnlinkLocked(interpreter, victim);
      // INV-T-2: what it counted stays, under the lock that guards the walk.
      runtime.counter_region.FoldAndRelease(victim.counter_slot, interpreter.counters,
                                            &interpreter.reserve.counters);
      LeaveReserve(interpreter, victim.counter_slot);
      victim.counter_slot = nullptr;
      victim.counters = nullptr;
    }
    if (self) EndAttachmentOfUnlinked(victim);
    // Null in a forked child, which has freed the slots of the dead at once.
    if (victim.qsbr_slot != nullptr) {
      interpreter.space.qsbr.Release(victim.qsbr_slot);
      victim.qsbr_slot = nullptr;
    }
    const bool with_os_thread = self || victim.os_thread_is_gone;
    if (LeaveParties(victim, with_os_thread ? 2 : 1)) FreeOrReserve(interpreter, &victim);
  }
}

void ReleaseThreadState(ThreadState* thread) {
  RT_CHECK(StatusOf(*thread) == ThreadStatus::kShuttingDown, "T4",
           "release of a thread state that is in use");
  DropParty(&ImplOf(*thread));
}

void DropParty(ThreadStateImpl* thread) {
  if (!LeaveParties(*thread, 1)) return;
  std::destroy_at(thread);
  RawFree(thread);
}

void SetLocalObject(ThreadState& public_thread, Object* object) {
  ThreadStateImpl& thread = ImplOf(public_thread);
  RT_CHECK(CurrentThreadState() == &thread, "T2",
           "local object of a thread state that is not current");
  Object* const old = thread.local_object;
  thread.local_object = object;
  if (old != nullptr) Decref(thread, old);
}

void ShutDownOthersLocked(InterpreterImpl& interpreter, const ThreadStateImpl* keep) {
  for (ThreadStateImpl* thread = interpreter.threads; thread != nullptr; thread = thread->next) {
    if (thread == keep) continue;
    RT_CHECK(ShutDownLocked(*thread), "INV-STW-1", "a thread state is attached in a stopped world");
  }
}

void ReapThreadStates(ThreadStateImpl& caller) {
  InterpreterImpl& interpreter = InterpreterOf(caller);
  for (;;) {
    // From the head each time: destructors run between two steps.
    ThreadStateImpl* victim = nullptr;
    {
      MutexLock lock(interpreter.runtime.threads_mutex);
      victim = interpreter.threads;
      while (victim != nullptr &&
             (victim == &caller || StatusOf(*victim) != ThreadStatus::kShuttingDown)) {
        victim = victim->next;
      }
    }
    if (victim == nullptr) break;
    ClearThreadState(caller, *victim);
    DeleteThreadState(caller, *victim);
  }
  (void)RunPendingCalls(caller);
  // Of a thread that did not get to its end.
  interpreter.collector.TakeOver(caller);
  // relaxed: set by this OS thread. No reader is left, so nothing need wait.
  if (!interpreter.is_alone.load(std::memory_order_relaxed)) return;
  auto* const as_thread = static_cast<ObjectThread*>(&caller);
  // Only this thread counts: as good as a stopped world. A finalized interpreter
  // counts plainly from here on, so that what is dropped later dies at once; a
  // forked child goes on as before.
  // relaxed: set by this OS thread, or before it came.
  if (interpreter.finalizing.load(std::memory_order_relaxed)) {
    ClosePerThreadCountsWorldStopped(*as_thread);
    DrainTrashcan(*as_thread);
  }
  caller.delayed_free.ReleaseAllWorldStopped(as_thread);
  const DelayedFreePending released =
      interpreter.space.delayed_free.ReleaseAllWorldStopped(as_thread);
  caller.counters->Add(Counter::kDelayedFreesDone, released.item_count);
  caller.counters->Add(Counter::kDelayedBytesFreed, released.item_bytes);
  MergePerThreadCountsWorldStopped(*as_thread);
  DrainTrashcan(*as_thread);
  // Cycles that are left at the end of an interpreter are found while finalizers
  // can still run.
  // relaxed: as above.
  if (interpreter.finalizing.load(std::memory_order_relaxed)) {
    interpreter.collector.CollectFinally(caller);
  }
}

ScopedThreadState::ScopedThreadState(Interpreter& interpreter) {
  ThreadState* const thread = NewThreadState(interpreter);
  if (thread == nullptr) return;
  if (Attach(*thread)) {
    thread_ = thread;
  } else {
    ReleaseThreadState(thread);
  }
}

ScopedThreadState::~ScopedThreadState() {
  if (thread_ == nullptr) return;
  if (CurrentThreadState() == thread_ || Attach(*thread_)) {
    ClearThreadState(*thread_, *thread_);
    DeleteThreadState(*thread_, *thread_);
  } else {
    ReleaseThreadState(thread_);
  }
}

}  // namespace rt
