#include "runtime/state/collection.h"

#include "absl/base/thread_annotations.h"
#include "runtime/base/check.h"
#include "runtime/object/object_space.h"
#include "runtime/state/interpreter_impl.h"
#include "runtime/state/runtime_impl.h"
#include "runtime/state/stop.h"
#include "runtime/state/stop_the_world.h"

namespace rt {
namespace {

InterpreterImpl& InterpreterAt(void* context) { return *static_cast<InterpreterImpl*>(context); }

ThreadStateImpl& ImplOf(ObjectThread& thread) { return ImplOf(static_cast<ThreadState&>(thread)); }

InterpreterImpl& CheckedInterpreter(ThreadState& caller) {
  RT_CHECK(CurrentThreadState() == &caller, "T2",
           "collection by a thread state that is not current");
  return InterpreterOf(ImplOf(caller));
}

void LockThreads(void* context) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  RuntimeImpl& runtime = InterpreterAt(context).runtime;
  // Bundles move from and to the pool where thread states are made, which needs
  // no attached thread.
  runtime.lifecycle_mutex.Lock();
  runtime.threads_mutex.Lock();
}

void UnlockThreads(void* context) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  RuntimeImpl& runtime = InterpreterAt(context).runtime;
  runtime.threads_mutex.Unlock();
  runtime.lifecycle_mutex.Unlock();
}

}  // namespace

CollectorHooks MakeCollectorHooks(InterpreterImpl& interpreter) {
  CollectorHooks hooks;
  hooks.context = &interpreter;
  hooks.stop = [](void* context, ObjectThread& caller) {
    InterpreterImpl& self = InterpreterAt(context);
    return BeginStop(self.runtime, &self, ImplOf(caller));
  };
  hooks.start = [](void* context, ObjectThread& caller) {
    InterpreterImpl& self = InterpreterAt(context);
    EndStop(self.runtime, &self, ImplOf(caller));
  };
  hooks.safe_point = [](void*, ObjectThread& caller) { return SafePoint(ImplOf(caller)); };
  hooks.has_stopped = [](void*, const ObjectThread& caller) {
    return IsWorldStoppedBy(static_cast<const ThreadState&>(caller));
  };
  hooks.lock = LockThreads;
  hooks.unlock = UnlockThreads;
  hooks.next_thread = [](void* context, ObjectThread* thread) -> ObjectThread* {
    return thread == nullptr ? InterpreterAt(context).threads : ImplOf(*thread).next;
  };
  return hooks;
}

CollectResult Collect(ThreadState& caller) {
  return CheckedInterpreter(caller).collector.Collect(caller);
}

CollectStatus Freeze(ThreadState& caller) {
  return CheckedInterpreter(caller).collector.Freeze(caller);
}

CollectStatus Unfreeze(ThreadState& caller) {
  return CheckedInterpreter(caller).collector.Unfreeze(caller);
}

void EnableCollection(Interpreter& interpreter, bool enabled) {
  // relaxed: a setting; orders nothing.
  interpreter.space().collection.enabled.store(enabled, std::memory_order_relaxed);
}

void SetCollectThreshold(Interpreter& interpreter, int64_t threshold) {
  // relaxed: a setting; orders nothing.
  interpreter.space().collection.threshold.store(threshold, std::memory_order_relaxed);
}

CollectionReading ReadCollection(const Interpreter& interpreter) {
  const CollectionCounts& counts = interpreter.space().collection;
  CollectionReading reading;
  // relaxed, all: momentary.
  reading.young = counts.young.load(std::memory_order_relaxed);
  reading.survivors = counts.survivors.load(std::memory_order_relaxed);
  reading.threshold = counts.threshold.load(std::memory_order_relaxed);
  reading.enabled = counts.enabled.load(std::memory_order_relaxed);
  reading.collecting = counts.collecting.load(std::memory_order_relaxed);
  return reading;
}

}  // namespace rt
