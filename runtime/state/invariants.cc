#include "runtime/state/invariants.h"

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/check.h"
#include "runtime/base/config.h"
#include "runtime/object/invariants.h"
#include "runtime/object/object.h"
#include "runtime/object/per_thread_count.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/tracking.h"
#include "runtime/qsbr/qsbr.h"
#include "runtime/state/attach.h"
#include "runtime/state/borrow.h"
#include "runtime/state/extension.h"
#include "runtime/state/interpreter.h"
#include "runtime/state/lease_impl.h"
#include "runtime/state/pending_call_list.h"
#include "runtime/state/stop.h"
#include "runtime/sync/mutex.h"

namespace rt {
namespace {

struct ReferencesByType {
  int64_t found[kReferenceTypeCount] = {};
};

bool AddReferencesOf(void* argument, HeapKind kind, void* block, size_t /*bytes*/) {
  if (kind == HeapKind::kMemory) return true;
  const Object* const object = ObjectInBlock(kind, block);
  // relaxed: the world is stopped.
  const uint8_t index = object->stat_index.load(std::memory_order_relaxed);
  if (index == kDeadStatIndex || IsImmortal(object)) return true;
  // Being destroyed, in a destructor that ran out of memory and stopped the world,
  // or waiting for it in a trashcan: nobody holds it (INV-GC-4).
  if ((object->gc_bits & kGcTracked) == 0 && TrueCount(object) == 0) return true;
  CheckObjectInvariantsWorldStopped(object);
  RT_CHECK(index < kReferenceTypeCount, "INV-RT-1", "stat index %u of %p", index,
           static_cast<const void*>(object));
  static_cast<ReferencesByType*>(argument)->found[index] += TrueCount(object);
  return true;
}

void CheckThreadLocked(InterpreterImpl& interpreter, ThreadStateImpl& thread,
                       const ThreadStateImpl& caller, bool stopped)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(interpreter.runtime.threads_mutex) {
  const ThreadStatus status = StatusOf(thread);
  if (&thread == &caller) {
    RT_CHECK(status == ThreadStatus::kAttached, "INV-STW-1", "the stopper is in state %u",
             static_cast<uint32_t>(status));
  } else {
    RT_CHECK(status != ThreadStatus::kAttached && (!stopped || status != ThreadStatus::kDetached),
             "INV-STW-1", "thread state %llu is in state %u",
             static_cast<unsigned long long>(thread.id), static_cast<uint32_t>(status));
  }
  // relaxed: the world is stopped.
  RT_CHECK((thread.state.load(std::memory_order_relaxed) & kBorrowFlags) == 0, "BO-2",
           "thread state %llu is borrowed in a stopped world",
           static_cast<unsigned long long>(thread.id));
  RT_CHECK(thread.linked && &InterpreterOf(thread) == &interpreter, "INV-T-1",
           "thread state %llu is in a foreign list", static_cast<unsigned long long>(thread.id));
  const QsbrSlot* const slot = thread.qsbr_slot;
  RT_CHECK(
      slot != nullptr && slot->owner_id == thread.id && slot->shared == &interpreter.space.qsbr,
      "INV-Q-3", "the slot of thread state %llu is not its own",
      static_cast<unsigned long long>(thread.id));
  // relaxed: the world is stopped.
  const bool reading = slot->sequence.load(std::memory_order_relaxed) != kQsbrDetached;
  RT_CHECK(reading == (&thread == &caller), "INV-Q-2",
           "the slot of thread state %llu is%s attached",
           static_cast<unsigned long long>(thread.id), reading ? "" : " not");
  RT_CHECK(!thread.bound || thread.merge_queue.thread == &thread, "INV-B-7",
           "a bound thread state is not in the merge table");
  if (thread.heaps != nullptr) {
    RT_CHECK(thread.heaps->owner_id() == thread.id, "INV-M-3",
             "the bundle of thread state %llu has another owner",
             static_cast<unsigned long long>(thread.id));
    thread.heaps->CheckInvariants();
  }
  thread.delayed_free.CheckInvariants();
  CheckFreelistInvariants(thread);
}

void CheckReferencesLocked(InterpreterImpl& interpreter)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(interpreter.runtime.threads_mutex) {
  if (RT_REFERENCE_TOTALS == 0) return;
  ReferencesByType objects;
  CounterTotals counted;
  counted.Add(interpreter.counters->block);
  for (ThreadStateImpl* thread = interpreter.threads; thread != nullptr; thread = thread->next) {
    counted.Add(*thread->counters);
    if (thread->heaps != nullptr) {
      thread->heaps->VisitBlocks(AddReferencesOf, &objects);
    }
  }
  interpreter.space.bundle_pool.VisitBlocksWorldStopped(AddReferencesOf, &objects);
  AddPerThreadCountsWorldStopped(interpreter.space, objects.found);
  for (size_t type = 0; type < kReferenceTypeCount; ++type) {
    RT_CHECK(objects.found[type] == counted.references[type], "INV-RT-1",
             "type %zu: objects hold %lld references, counted are %lld", type,
             static_cast<long long>(objects.found[type]),
             static_cast<long long>(counted.references[type]));
  }
}

// No thread state is half made and no interpreter half freed: slots and thread
// states agree.
void CheckInterpreter(InterpreterImpl& interpreter, const ThreadStateImpl& caller)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(interpreter.runtime.lifecycle_mutex) {
  ObjectSpace& space = interpreter.space;
  MutexLock lock(interpreter.runtime.threads_mutex);
  const StopRequest* const request = ActiveRequestLocked(interpreter.runtime, interpreter);
  if (request != nullptr) {
    // relaxed: the last answer was waited for.
    RT_CHECK(request->countdown.load(std::memory_order_relaxed) == 0, "INV-STW-2",
             "answers are missing in a stopped world");
  }
  size_t count = 0;
  uint64_t id_before = UINT64_MAX;
  const ThreadStateImpl* previous = nullptr;
  for (ThreadStateImpl* thread = interpreter.threads; thread != nullptr; thread = thread->next) {
    // Ids are drawn and linked under one lock, so the newest stands first.
    RT_CHECK(thread->previous == previous && thread->id < id_before, "T1",
             "the list is broken at thread state %llu",
             static_cast<unsigned long long>(thread->id));
    previous = thread;
    id_before = thread->id;
    ++count;
    CheckThreadLocked(interpreter, *thread, caller, request != nullptr);
  }
  RT_CHECK(count == interpreter.thread_count, "P1", "%zu thread states, counted as %zu", count,
           interpreter.thread_count);
  RT_CHECK(space.qsbr.slots_in_use_count() == count, "INV-Q-2",
           "%u slots in use for %zu thread states", space.qsbr.slots_in_use_count(), count);
  space.qsbr.CheckInvariantsWorldStopped();
  CheckMergeQueueInvariantsWorldStopped(space);
  CheckTypeInvariantsWorldStopped(space);
  CheckPerThreadCountInvariantsWorldStopped(space);
  space.bundle_pool.CheckInvariantsWorldStopped();
  CheckReferencesLocked(interpreter);
  CheckLeasesLocked(interpreter);
  CheckPendingCallsLocked(interpreter);
  interpreter.collector.CheckInvariantsWorldStopped();
}

InterpreterImpl* FirstInterpreter(RuntimeImpl& runtime) {
  MutexLock lock(runtime.threads_mutex);
  return runtime.interpreters;
}

}  // namespace

// The analysis cannot tell that each->runtime is `runtime`.
void CheckScopeWorldStopped(RuntimeImpl& runtime, InterpreterImpl* interpreter,
                            ThreadStateImpl& caller) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  {
    MutexLock lifecycle(runtime.lifecycle_mutex);
    InterpreterImpl* each = interpreter != nullptr ? interpreter : FirstInterpreter(runtime);
    for (; each != nullptr; each = interpreter != nullptr ? nullptr : each->next) {
      CheckInterpreter(*each, caller);
    }
  }
  for (RuntimeExtension* each = runtime.extensions; each != nullptr; each = each->next) {
    if (each->check_invariants_world_stopped != nullptr) {
      each->check_invariants_world_stopped(each->context);
    }
  }
}

void Interpreter::CheckInvariantsWorldStopped(ThreadState& caller) {
  InterpreterImpl& interpreter = impl();
  CheckScopeWorldStopped(interpreter.runtime, &interpreter, ImplOf(caller));
}

}  // namespace rt
