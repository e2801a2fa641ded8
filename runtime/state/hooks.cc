// The hooks through which the layers below state/ reach it.

#include <cstddef>
#include <cstdint>

#include "runtime/base/check.h"
#include "runtime/object/object_space.h"
#include "runtime/object/object_thread.h"
#include "runtime/state/attach.h"
#include "runtime/state/borrow.h"
#include "runtime/state/interpreter_impl.h"
#include "runtime/state/runtime_impl.h"
#include "runtime/state/stop.h"
#include "runtime/state/stop_the_world.h"

namespace rt {
namespace {

ThreadStateImpl& ImplOfObjectThread(void* thread) {
  return ImplOf(static_cast<ThreadState&>(*static_cast<ObjectThread*>(thread)));
}

void StopForObjects(ObjectThread& object_thread) {
  ThreadStateImpl& thread = ImplOfObjectThread(&object_thread);
  InterpreterImpl& interpreter = InterpreterOf(thread);
  // An OS thread that is refused in the middle of an object operation cannot unwind.
  if (!BeginStop(interpreter.runtime, &interpreter, thread)) SleepForEver();
}

void StartForObjects(ObjectThread& object_thread) {
  ThreadStateImpl& thread = ImplOfObjectThread(&object_thread);
  InterpreterImpl& interpreter = InterpreterOf(thread);
  EndStop(interpreter.runtime, &interpreter, thread);
}

bool BorrowOwner(ObjectThread& owner) {
  ThreadStateImpl& thread = ImplOfObjectThread(&owner);
  return InterpreterOf(thread).runtime.config.merge_for_detached_owners && BorrowDetached(thread);
}

void ReturnOwner(ObjectThread& owner) { ReturnBorrowed(ImplOfObjectThread(&owner)); }

int64_t ReferenceTotalOf(void* context, size_t stat_index) {
  const auto& interpreter = *static_cast<InterpreterImpl*>(context);
  const RuntimeImpl& runtime = interpreter.runtime;
  MutexLock lock(runtime.threads_mutex);
  int64_t total = interpreter.counters->block.GetReferences(stat_index);
  for (const ThreadStateImpl* thread = interpreter.threads; thread != nullptr;
       thread = thread->next) {
    total += thread->counters->GetReferences(stat_index);
  }
  return total;
}

bool IsAlone(void* context, void* thread) {
  const auto& interpreter = *static_cast<InterpreterImpl*>(context);
  // relaxed: set by this OS thread, or before this thread state was made.
  return interpreter.is_alone.load(std::memory_order_relaxed) ||
         IsWorldStoppedBy(ImplOfObjectThread(thread));
}

void WithWorldStopped(void* /*context*/, void* thread, void (*action)(void* argument),
                      void* argument) {
  ObjectThread& object_thread = *static_cast<ObjectThread*>(thread);
  if (IsWorldStoppedBy(ImplOfObjectThread(thread))) {
    action(argument);
    return;
  }
  StopForObjects(object_thread);
  action(argument);
  StartForObjects(object_thread);
}

void RequestProcessing(void* /*context*/, void* thread) {
  // relaxed: the thread itself, or it looks at its own queue.
  static_cast<ObjectThread*>(thread)->eval_breaker.fetch_or(kEvalBreakerDelayedFree,
                                                            std::memory_order_relaxed);
}

}  // namespace

const QsbrSlot* CurrentSlotIn(void* interpreter) {
  const ThreadState* const thread = CurrentThreadState();
  if (thread == nullptr || thread->interpreter != static_cast<InterpreterImpl*>(interpreter)) {
    return nullptr;
  }
  return thread->qsbr_slot;
}

ObjectSpaceHooks MakeObjectSpaceHooks(InterpreterImpl& interpreter) {
  ObjectSpaceHooks hooks;
  hooks.stop_the_world = StopForObjects;
  hooks.start_the_world = StartForObjects;
  hooks.borrow_owner = BorrowOwner;
  hooks.return_owner = ReturnOwner;
  hooks.reference_total = ReferenceTotalOf;
  hooks.context = &interpreter;
  // Its address and two functions: it need not be constructed yet.
  hooks.page_hold = interpreter.page_hold.hold();
  return hooks;
}

DelayedFreeHooks MakeDelayedFreeHooks(InterpreterImpl& interpreter) {
  DelayedFreeHooks hooks;
  hooks.context = &interpreter;
  hooks.is_alone = IsAlone;
  hooks.with_world_stopped = WithWorldStopped;
  hooks.request_processing = RequestProcessing;
  return hooks;
}

}  // namespace rt
