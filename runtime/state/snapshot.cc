#include "runtime/state/snapshot.h"

#include <cstddef>
#include <cstdint>

#include "runtime/alloc/delayed_free.h"
#include "runtime/alloc/heap_bundle.h"
#include "runtime/object/destroy.h"
#include "runtime/object/merge_queue.h"
#include "runtime/object/per_thread_count.h"
#include "runtime/qsbr/qsbr.h"
#include "runtime/state/interpreter.h"
#include "runtime/state/pending_call.h"
#include "runtime/state/runtime_impl.h"
#include "runtime/state/stop.h"
#include "runtime/sync/mutex.h"

namespace rt {
namespace {

// 16: destructors that queue objects for others again come to an end sooner;
// the bound is for those that never do.
constexpr int kQuiesceRoundLimit = 16;

void AddUsage(const HeapBundleUsage& usage, HeapUsage* holder, BalanceSnapshot* out) {
  for (int kind = 0; kind < kHeapKindCount; ++kind) {
    out->heaps[static_cast<size_t>(kind)] += usage.heap[kind];
    *holder += usage.heap[kind];
  }
}

void AddPending(const DelayedFreePending& pending, BalanceSnapshot* out) {
  out->delayed_free_count += pending.item_count;
  out->delayed_free_bytes += pending.item_bytes;
}

void SumCountersLocked(const InterpreterImpl& interpreter, CounterTotals* out)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(interpreter.runtime.threads_mutex) {
  out->Add(interpreter.counters->block);
  for (const ThreadStateImpl* thread = interpreter.threads; thread != nullptr;
       thread = thread->next) {
    out->Add(*thread->counters);
  }
}

}  // namespace

void TakeSnapshot(InterpreterImpl& interpreter, const ThreadStateImpl* caller,
                  BalanceSnapshot* out) {
  *out = BalanceSnapshot();
  ObjectSpace& space = interpreter.space;
  // No thread state is half made: slots and thread states agree.
  MutexLock lifecycle(interpreter.runtime.lifecycle_mutex);
  MutexLock lock(interpreter.runtime.threads_mutex);
  CounterTotals totals;
  SumCountersLocked(interpreter, &totals);
  for (size_t type = 0; type < kReferenceTypeCount; ++type) {
    out->references_by_type[type] = totals.references[type];
  }
  out->reference_total = totals.ReferenceTotal();
  for (const ThreadStateImpl* thread = interpreter.threads; thread != nullptr;
       thread = thread->next) {
    if (thread->heaps != nullptr) {
      ++out->bundles_in_use_count;
      AddUsage(thread->heaps->CountBlocks(),
               thread == caller ? &out->caller_usage : &out->other_threads_usage, out);
    }
    out->freelist_object_count += FreelistObjectCount(*thread);
    AddPending(thread->delayed_free.pending(), out);
  }
  AddUsage(space.bundle_pool.CountBlocksWorldStopped(), &out->parked_usage, out);
  AddPending(space.delayed_free.pending(), out);
  out->parked_bundle_count = space.bundle_pool.parked_count();
  out->thread_state_count = static_cast<int64_t>(interpreter.thread_count);
  out->qsbr_slot_count = space.qsbr.slots_in_use_count();
  out->queued_object_count = static_cast<int64_t>(QueuedObjectCountWorldStopped(space));
  out->write_sequence = space.qsbr.write_sequence();
  out->read_sequence = space.qsbr.read_sequence();
}

bool Interpreter::Snapshot(ThreadState& caller, BalanceSnapshot* out) {
  InterpreterImpl& interpreter = impl();
  ThreadStateImpl& thread = ImplOf(caller);
  if (!BeginStop(interpreter.runtime, &interpreter, thread)) return false;
  TakeSnapshot(interpreter, &thread, out);
  EndStop(interpreter.runtime, &interpreter, thread);
  return true;
}

void Interpreter::SnapshotWorldStopped(ThreadState& caller, BalanceSnapshot* out) {
  TakeSnapshot(impl(), &ImplOf(caller), out);
}

bool Interpreter::Quiesce(ThreadState& caller) {
  InterpreterImpl& interpreter = impl();
  ObjectSpace& space = interpreter.space;
  ThreadStateImpl& thread = ImplOf(caller);
  for (int round = 0; round < kQuiesceRoundLimit; ++round) {
    (void)RunPendingCalls(thread);
    if (!BeginStop(interpreter.runtime, &interpreter, thread)) return false;
    size_t left_count = QueuedObjectCountWorldStopped(space);
    MergeAllQueuesWorldStopped(thread);
    left_count += MergePerThreadCountsWorldStopped(thread);
    {
      MutexLock lock(interpreter.runtime.threads_mutex);
      for (ThreadStateImpl* other = interpreter.threads; other != nullptr; other = other->next) {
        other->delayed_free.HandOver();
      }
    }
    left_count += static_cast<size_t>(space.delayed_free.pending().item_count);
    // Everybody is quiescent here, so all goals up to this one are reached.
    space.qsbr.Advance();
    space.qsbr.QuiescentState(*thread.qsbr_slot);
    EndStop(interpreter.runtime, &interpreter, thread);
    DrainTrashcan(thread);
    thread.delayed_free.Process();
    if (left_count == 0) break;
  }
  space.bundle_pool.Collect();
  return true;
}

void Interpreter::ReadCounters(CounterTotals* out) const {
  const InterpreterImpl& interpreter = impl();
  *out = CounterTotals();
  MutexLock lock(interpreter.runtime.threads_mutex);
  SumCountersLocked(interpreter, out);
}

int64_t Interpreter::ReadReferenceTotal() const {
  CounterTotals totals;
  ReadCounters(&totals);
  return totals.ReferenceTotal();
}

size_t Interpreter::ReadThreads(absl::Span<ThreadReading> out) const {
  const InterpreterImpl& interpreter = impl();
  MutexLock lock(interpreter.runtime.threads_mutex);
  size_t index = 0;
  for (const ThreadStateImpl* thread = interpreter.threads; thread != nullptr && index < out.size();
       thread = thread->next) {
    ThreadReading& reading = out[index++];
    reading.id = thread->id;
    reading.status = static_cast<uint32_t>(StatusOf(*thread));
    reading.counters = CounterTotals();
    reading.counters.Add(*thread->counters);
    reading.reference_total = reading.counters.ReferenceTotal();
  }
  return interpreter.thread_count;
}

size_t Interpreter::thread_state_count() const {
  const InterpreterImpl& interpreter = impl();
  MutexLock lock(interpreter.runtime.threads_mutex);
  return interpreter.thread_count;
}

}  // namespace rt
