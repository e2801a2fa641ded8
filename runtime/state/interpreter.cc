#include "runtime/state/interpreter.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <memory>
#include <new>

#include "runtime/base/check.h"
#include "runtime/base/config.h"
#include "runtime/base/raw_memory.h"
#include "runtime/object/destroy.h"
#include "runtime/state/interpreter_impl.h"
#include "runtime/state/lease_impl.h"
#include "runtime/state/lifecycle.h"
#include "runtime/state/runtime_impl.h"
#include "runtime/state/snapshot.h"
#include "runtime/state/stop.h"
#include "runtime/sync/mutex.h"

namespace rt {
namespace {

Atomic<uint64_t> next_interpreter_id{1};

// With checks on, the sequence wraps after 1000 advances, so that the wrap is
// always tested. Odd.
constexpr QsbrSequence kFirstSequence = RT_CHECKS ? UINT64_MAX - 1998 : kQsbrFirstSequence;
static_assert(kFirstSequence % 2 == 1);

void LinkInterpreter(RuntimeImpl& runtime, InterpreterImpl& interpreter) {
  MutexLock lock(runtime.threads_mutex);
  interpreter.next = runtime.interpreters;
  if (interpreter.next != nullptr) interpreter.next->previous = &interpreter;
  runtime.interpreters = &interpreter;
  ++runtime.interpreter_count;
}

void UnlinkInterpreter(RuntimeImpl& runtime, InterpreterImpl& interpreter) {
  MutexLock lock(runtime.threads_mutex);
  RT_CHECK(interpreter.thread_count == 0, "P3",
           "destroying an interpreter that has %zu thread states", interpreter.thread_count);
  if (interpreter.previous != nullptr) {
    interpreter.previous->next = interpreter.next;
  } else {
    runtime.interpreters = interpreter.next;
  }
  if (interpreter.next != nullptr) {
    interpreter.next->previous = interpreter.previous;
  }
  --runtime.interpreter_count;
  // R3: in the step that takes it off the list, so that nobody sees its events
  // twice or not at all. All its bundles are parked.
  CounterBlock& counters = interpreter.counters->block;
  counters.Add(Counter::kHeapBundlesDestroyed, interpreter.space.bundle_pool.parked_count());
  CounterTotals retired;
  retired.Add(counters);
  std::fill(std::begin(retired.references), std::end(retired.references), 0);
  runtime.retired_counters.Add(retired);
  if (runtime.main_interpreter == &interpreter) {
    runtime.main_interpreter = nullptr;
  }
}

bool MayCreate(RuntimeImpl& runtime) {
  MutexLock lock(runtime.threads_mutex);
  const size_t limit = runtime.config.max_interpreter_count;
  // relaxed: written under the mutex.
  return !runtime.finalizing.load(std::memory_order_relaxed) &&
         (limit == 0 || runtime.interpreter_count < limit);
}

// Shuts down and reaps everything but the caller. Returns false when somebody
// else finalizes, or has shut the caller down.
bool FinalizeFrom(InterpreterImpl& interpreter, ThreadStateImpl& caller) {
  RuntimeImpl& runtime = interpreter.runtime;
  if (!BeginStop(runtime, &interpreter, caller)) return false;
  bool first = false;
  {
    MutexLock lock(runtime.threads_mutex);
    // relaxed: written under the mutex.
    first = !interpreter.finalizing.load(std::memory_order_relaxed);
    if (first) {
      interpreter.finalizing.store(true, std::memory_order_relaxed);
      ShutDownOthersLocked(interpreter, &caller);
      runtime.stop_queue.RefuseWaitingLocked(caller.interpreter);
      interpreter.is_alone.store(true, std::memory_order_relaxed);
    }
  }
  EndStop(runtime, &interpreter, caller);
  if (!first) return false;
  TellFinalizing(runtime, &interpreter, &caller);
  ReapThreadStates(caller);
  MutexLock lock(runtime.threads_mutex);
  interpreter.finalized = true;
  return true;
}

// Lets an interpreter that could not be destroyed live on. Returns what the caller
// is told: `status`, unless finalization is the reason.
InterpreterStatus Undoom(InterpreterImpl& interpreter, InterpreterStatus status) {
  MutexLock lock(interpreter.runtime.threads_mutex);
  interpreter.doomed = false;
  // relaxed: written under the mutex.
  if (status == InterpreterStatus::kOutOfMemory &&
      interpreter.finalizing.load(std::memory_order_relaxed) && !interpreter.finalized) {
    return InterpreterStatus::kFinalizing;
  }
  return status;
}

// Frees an interpreter that nobody knows, made as far as it may be.
void DiscardInterpreter(InterpreterImpl& interpreter) {
  if (interpreter.counters != nullptr) {
    interpreter.runtime.counter_region.Release(interpreter.counters);
  }
  RawFree(interpreter.reserve.memory);
  std::destroy_at(&interpreter);
  RawFree(&interpreter);
}

// Gives a new interpreter its parts. Returns false when memory ran out.
bool EquipInterpreter(InterpreterImpl& interpreter) {
  interpreter.counters = interpreter.runtime.counter_region.Acquire(CounterOwnerKind::kInterpreter,
                                                                    interpreter.id, interpreter.id);
  interpreter.reserve.memory = RawAllocate(sizeof(ThreadStateImpl), alignof(ThreadStateImpl));
  return interpreter.counters != nullptr && interpreter.reserve.memory != nullptr &&
         interpreter.space.qsbr.Prepare();
}

// Frees an interpreter without thread states.
void FreeInterpreter(InterpreterImpl& interpreter) {
  RuntimeImpl& runtime = interpreter.runtime;
  MutexLock lifecycle(runtime.lifecycle_mutex);
  UnlinkInterpreter(runtime, interpreter);
  interpreter.space.bundle_pool.DestroyAll();
  DiscardInterpreter(interpreter);
}

}  // namespace

InterpreterImpl::InterpreterImpl(RuntimeImpl& runtime_impl, uint64_t number)
    : runtime(runtime_impl),
      id(number),
      space(MakeObjectSpaceHooks(*this), QsbrMemory{RawAllocate, RawFree},
            MakeDelayedFreeHooks(*this), kFirstSequence),
      page_hold(&space.qsbr, CurrentSlotIn, this),
      collector(space, MakeCollectorHooks(*this)) {
  // relaxed: nobody else knows the interpreter yet.
  space.collection.threshold.store(runtime.config.collect_threshold, std::memory_order_relaxed);
}

InterpreterImpl::~InterpreterImpl() = default;

InterpreterImpl& Interpreter::impl() { return ImplOf(*this); }
const InterpreterImpl& Interpreter::impl() const { return ImplOf(*this); }

uint64_t Interpreter::id() const { return impl().id; }
Runtime& Interpreter::runtime() const { return *impl().runtime.owner; }
ObjectSpace& Interpreter::space() const { return const_cast<InterpreterImpl&>(impl()).space; }
bool Interpreter::is_finalizing() const {
  // relaxed: a hint; creation and attach decide under the mutex.
  return impl().finalizing.load(std::memory_order_relaxed);
}

Interpreter* Interpreter::Create(Runtime& public_runtime) {
  RuntimeImpl& runtime = *RuntimeImplOf(public_runtime);
  MutexLock lifecycle(runtime.lifecycle_mutex);
  if (!MayCreate(runtime)) return nullptr;
  void* const memory = RawAllocate(sizeof(InterpreterImpl), alignof(InterpreterImpl));
  if (memory == nullptr) return nullptr;
  // relaxed: only has to be unique.
  const uint64_t id = next_interpreter_id.fetch_add(1, std::memory_order_relaxed);
  auto* const interpreter = new (memory) InterpreterImpl(runtime, id);
  if (!EquipInterpreter(*interpreter)) {
    DiscardInterpreter(*interpreter);
    return nullptr;
  }
  LinkInterpreter(runtime, *interpreter);
  return interpreter;
}

bool Interpreter::Finalize() {
  InterpreterImpl& interpreter = impl();
  Seat seat;
  if (!seat.Take(interpreter, Admission::kFinalizer)) return false;
  const bool done = FinalizeFrom(interpreter, seat.thread());
  seat.GiveBack();
  seat.Return();
  return done;
}

bool Interpreter::Destroy(Interpreter* public_interpreter, BalanceSnapshot* last) {
  InterpreterImpl& interpreter = public_interpreter->impl();
  {
    MutexLock lock(interpreter.runtime.threads_mutex);
    if (interpreter.doomed || interpreter.lease_count != 0) return false;
    interpreter.doomed = true;
  }
  return DestroyDoomed(interpreter, last) == InterpreterStatus::kOk;
}

InterpreterStatus DestroyDoomed(InterpreterImpl& interpreter, BalanceSnapshot* last) {
  RuntimeImpl& runtime = interpreter.runtime;
  Seat seat;
  if (!seat.Take(interpreter, Admission::kFinalizer)) {
    return Undoom(interpreter, InterpreterStatus::kOutOfMemory);
  }
  ThreadStateImpl& caller = seat.thread();
  bool finalized = false;
  {
    MutexLock lock(runtime.threads_mutex);
    finalized = interpreter.finalized;
  }
  if (!finalized && !FinalizeFrom(interpreter, caller)) {
    const bool shut_down = CurrentThreadState() != &caller;
    seat.GiveBack();
    // Before Return(), which may reach a thread that waits for the doomed.
    const InterpreterStatus status = Undoom(
        interpreter, shut_down ? InterpreterStatus::kShutDown : InterpreterStatus::kFinalizing);
    seat.Return();
    return status;
  }
  // Before the clear, because destructors need the caller's heaps.
  ReapThreadStates(caller);
  {
    MutexLock lock(runtime.threads_mutex);
    interpreter.ending = true;
  }
  TellInterpreterEnding(runtime, interpreter, caller);
  // Nothing comes from outside any more.
  RunAndClosePendingCalls(caller);
  ClearThreadState(caller, caller);
  DeleteThreadState(caller, caller);
  if (last != nullptr) TakeSnapshot(interpreter, nullptr, last);
  FreeInterpreter(interpreter);
  seat.Return();
  return InterpreterStatus::kOk;
}

}  // namespace rt
