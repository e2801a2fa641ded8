#include "runtime/state/runtime.h"

#include <atomic>
#include <memory>
#include <new>

#include "runtime/base/check.h"
#include "runtime/base/raw_memory.h"
#include "runtime/state/interpreter_impl.h"
#include "runtime/state/lifecycle.h"
#include "runtime/state/runtime_impl.h"
#include "runtime/state/stop.h"
#include "runtime/sync/mutex.h"

namespace rt {
namespace {

// Any interpreter, or null.
InterpreterImpl* AnyInterpreter(RuntimeImpl& runtime) {
  MutexLock lock(runtime.threads_mutex);
  return runtime.interpreters;
}

// Marks everything as finalizing and shuts down every thread state but the
// caller's. Returns false when somebody else has begun. In a stop of the
// runtime, or, with a null caller, in a runtime without interpreters.
bool BeginFinalizing(RuntimeImpl& runtime, ThreadStateImpl* caller) {
  MutexLock lock(runtime.threads_mutex);
  // relaxed, here and below: written and decided under the mutex.
  if (runtime.finalizing.load(std::memory_order_relaxed)) return false;
  runtime.finalizing.store(true, std::memory_order_relaxed);
  for (InterpreterImpl* interpreter = runtime.interpreters; interpreter != nullptr;
       interpreter = interpreter->next) {
    interpreter->finalizing.store(true, std::memory_order_relaxed);
    ShutDownOthersLocked(*interpreter, caller);
    interpreter->is_alone.store(true, std::memory_order_relaxed);
  }
  runtime.stop_queue.RefuseWaitingLocked(nullptr);
  return true;
}

void EndFinalizing(RuntimeImpl& runtime) {
  MutexLock lock(runtime.threads_mutex);
  for (InterpreterImpl* interpreter = runtime.interpreters; interpreter != nullptr;
       interpreter = interpreter->next) {
    interpreter->finalized = true;
  }
}

}  // namespace

RuntimeImpl::RuntimeImpl(const RuntimeConfig& runtime_config)
    : config(runtime_config),
      check_every_stop_count(runtime_config.check_every_stop_count),
      counter_region(runtime_config.counter_memory, runtime_config.counter_memory_bytes) {}

RuntimeImpl* RuntimeImplOf(const Runtime& runtime) { return runtime.impl_; }

std::unique_ptr<Runtime> Runtime::Create(const RuntimeConfig& config) {
  void* const memory = RawAllocate(sizeof(RuntimeImpl), alignof(RuntimeImpl));
  if (memory == nullptr) return nullptr;
  auto* const impl = new (memory) RuntimeImpl(config);
  std::unique_ptr<Runtime> runtime(new (std::nothrow) Runtime(impl));
  if (runtime == nullptr) {
    std::destroy_at(impl);
    RawFree(impl);
    return nullptr;
  }
  impl->owner = runtime.get();
  Interpreter* const main = Interpreter::Create(*runtime);
  if (main == nullptr) return nullptr;
  MutexLock lock(impl->threads_mutex);
  impl->main_interpreter = &ImplOf(*main);
  return runtime;
}

Runtime::~Runtime() {
  if (!is_finalizing()) {
    RT_CHECK(Finalize(), "R1", "destroying a runtime that others finalize");
  }
  while (InterpreterImpl* const interpreter = AnyInterpreter(*impl_)) {
    RT_CHECK(Interpreter::Destroy(interpreter), "R2", "destroying a runtime that is in use");
  }
  RT_CHECK(impl_->extensions == nullptr, "R2", "an extension outlives its runtime");
  std::destroy_at(impl_);
  RawFree(impl_);
}

bool Runtime::Finalize() {
  InterpreterImpl* home = AnyInterpreter(*impl_);
  if (home == nullptr) {
    const bool first = BeginFinalizing(*impl_, nullptr);
    if (first) TellFinalizing(*impl_, nullptr, nullptr);
    return first;
  }
  ThreadState* const current = CurrentThreadState();
  if (current != nullptr && &ImplOf(*current->interpreter).runtime == impl_) {
    home = &ImplOf(*current->interpreter);
  }
  Seat seat;
  if (!seat.Take(*home, Admission::kFinalizer)) return false;
  ThreadStateImpl& caller = seat.thread();
  bool first = false;
  if (BeginStop(*impl_, nullptr, caller)) {
    first = BeginFinalizing(*impl_, &caller);
    EndStop(*impl_, nullptr, caller);
  }
  if (first) {
    TellFinalizing(*impl_, nullptr, &caller);
    ReapThreadStates(caller);
    ReapOtherInterpreters(caller);
    EndFinalizing(*impl_);
  }
  seat.GiveBack();
  seat.Return();
  return first;
}

bool Runtime::is_finalizing() const {
  // relaxed: a hint; creation and attach decide under the mutex.
  return impl_->finalizing.load(std::memory_order_relaxed);
}

Interpreter* Runtime::main_interpreter() const {
  MutexLock lock(impl_->threads_mutex);
  return impl_->main_interpreter;
}

size_t Runtime::interpreter_count() const {
  MutexLock lock(impl_->threads_mutex);
  return impl_->interpreter_count;
}

void Runtime::VisitInterpreters(void (*visit)(const Interpreter&, void*), void* argument) const {
  MutexLock lock(impl_->threads_mutex);
  for (const InterpreterImpl* interpreter = impl_->interpreters; interpreter != nullptr;
       interpreter = interpreter->next) {
    visit(*interpreter, argument);
  }
}

void Runtime::SetCheckEveryStopCount(uint32_t stop_count) {
  // relaxed: a setting, orders nothing.
  impl_->check_every_stop_count.store(stop_count, std::memory_order_relaxed);
}

uint32_t Runtime::check_every_stop_count() const {
  // relaxed: a setting, orders nothing.
  return impl_->check_every_stop_count.load(std::memory_order_relaxed);
}

void Runtime::ReadCounters(CounterTotals* out) const {
  MutexLock lock(impl_->threads_mutex);
  *out = impl_->retired_counters;
  for (const InterpreterImpl* interpreter = impl_->interpreters; interpreter != nullptr;
       interpreter = interpreter->next) {
    out->Add(interpreter->counters->block);
    for (const ThreadStateImpl* thread = interpreter->threads; thread != nullptr;
         thread = thread->next) {
      out->Add(*thread->counters);
    }
  }
}

int64_t Runtime::ReadReferenceTotal() const {
  CounterTotals totals;
  ReadCounters(&totals);
  return totals.ReferenceTotal();
}

}  // namespace rt
