// Thread states, safe points and stops.

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <vector>

#include "benchmark/benchmark.h"
#include "runtime/base/atomic.h"
#include "runtime/bench/bench_runtime.h"
#include "runtime/qsbr/qsbr.h"
#include "runtime/state/stop_the_world.h"
#include "runtime/sync/mutex.h"

namespace rt {
namespace {

void SafePointAlone(benchmark::State& state) {
  BenchRuntime bench;
  for (auto _ : state) {
    if (!SafePoint(bench.thread())) abort();
    benchmark::ClobberMemory();
  }
}
BENCHMARK(SafePointAlone)->Name("safe_point");

void QsbrCheckpoint(benchmark::State& state) {
  BenchRuntime bench;
  QsbrSlot& slot = *bench.thread().qsbr_slot;
  for (auto _ : state) {
    slot.shared->QuiescentState(slot);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(QsbrCheckpoint)->Name("qsbr_checkpoint");

void LoadStore(benchmark::State& state) {
  Atomic<uint64_t> from{1};
  Atomic<uint64_t> to{0};
  benchmark::DoNotOptimize(&from);
  benchmark::DoNotOptimize(&to);
  for (auto _ : state) {
    to.store(from.load(std::memory_order_acquire), std::memory_order_release);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(LoadStore)->Name("safe_point/floor:load_store");
BENCHMARK(LoadStore)->Name("qsbr_checkpoint/floor:load_store");

void DetachAttach(benchmark::State& state) {
  BenchRuntime bench;
  for (auto _ : state) {
    Detach(bench.thread());
    if (!Attach(bench.thread())) abort();
  }
}
BENCHMARK(DetachAttach)->Name("detach_attach");

// Two compare-exchanges and two stores.
void TwoExchanges(benchmark::State& state) {
  Atomic<uint32_t> word{1};
  Atomic<uint64_t> slot{1};
  for (auto _ : state) {
    slot.store(0, std::memory_order_release);
    uint32_t expected = 1;
    benchmark::DoNotOptimize(word.compare_exchange_strong(expected, 0, std::memory_order_release,
                                                          std::memory_order_relaxed));
    expected = 0;
    benchmark::DoNotOptimize(word.compare_exchange_strong(expected, 1, std::memory_order_acquire,
                                                          std::memory_order_relaxed));
    slot.store(1, std::memory_order_relaxed);
  }
}
BENCHMARK(TwoExchanges)->Name("detach_attach/floor:two_exchanges");

// New, attach, detach, attach, clear, delete, on one OS thread.
void ThreadStateLife(benchmark::State& state) {
  BenchRuntime bench;
  Detach(bench.thread());
  for (auto _ : state) {
    ThreadState* const thread = NewThreadState(bench.interpreter());
    if (thread == nullptr || !Attach(*thread)) abort();
    ClearThreadState(*thread, *thread);
    DeleteThreadState(*thread, *thread);
  }
  if (!Attach(bench.thread())) abort();
}
BENCHMARK(ThreadStateLife)->Name("thread_state_life");

void PthreadLife(benchmark::State& state) {
  for (auto _ : state) {
    pthread_t thread;
    if (pthread_create(&thread, nullptr, [](void*) -> void* { return nullptr; }, nullptr) != 0) {
      abort();
    }
    pthread_join(thread, nullptr);
  }
}
BENCHMARK(PthreadLife)->Name("thread_state_life/floor:pthread")->UseRealTime();
BENCHMARK(PthreadLife)->Name("thread_attach_exit/floor:pthread")->UseRealTime();

void ThreadAttachExit(benchmark::State& state) {
  BenchRuntime bench;
  Detach(bench.thread());
  Interpreter& interpreter = bench.interpreter();
  for (auto _ : state) {
    std::thread([&] {
      ScopedThreadState thread(interpreter);
      if (!thread) abort();
    }).join();
  }
  if (!Attach(bench.thread())) abort();
}
BENCHMARK(ThreadAttachExit)->Name("thread_attach_exit")->UseRealTime();

// With `idle_count` detached thread states.
void StopStart(benchmark::State& state, int idle_count) {
  BenchRuntime bench;
  std::vector<ThreadState*> idle;
  for (int i = 0; i < idle_count; ++i) {
    idle.push_back(NewThreadState(bench.interpreter()));
  }
  for (auto _ : state) {
    if (!StopTheWorld(bench.thread(), StopScope::kInterpreter)) abort();
    StartTheWorld(bench.thread());
  }
  for (ThreadState* thread : idle) {
    ClearThreadState(bench.thread(), *thread);
    DeleteThreadState(bench.thread(), *thread);
    ReleaseThreadState(thread);
  }
}
BENCHMARK_CAPTURE(StopStart, none, 0)->Name("stop_start_alone");
BENCHMARK_CAPTURE(StopStart, idle, 8)->Name("stop_start_8_idle");

void StopStartRunning(benchmark::State& state) {
  BenchRuntime bench;
  // relaxed, both: flags, and joining orders the rest.
  Atomic<bool> done{false};
  Atomic<bool> running{false};
  std::thread other([&] {
    ScopedThreadState thread(bench.interpreter());
    while (!done.load(std::memory_order_relaxed)) {
      if (!SafePoint(*thread)) abort();
      running.store(true, std::memory_order_relaxed);
    }
  });
  while (!running.load(std::memory_order_relaxed)) std::this_thread::yield();
  for (auto _ : state) {
    if (!StopTheWorld(bench.thread(), StopScope::kInterpreter)) abort();
    StartTheWorld(bench.thread());
  }
  done.store(true, std::memory_order_relaxed);
  Detach(bench.thread());
  other.join();
  if (!Attach(bench.thread())) abort();
}
BENCHMARK(StopStartRunning)->Name("stop_start_1_running")->UseRealTime();

// Two locked operations and two uncontended mutexes' worth.
void TwoLocks(benchmark::State& state) {
  Mutex first;
  Mutex second;
  for (auto _ : state) {
    first.Lock();
    second.Lock();
    second.Unlock();
    first.Unlock();
  }
}
BENCHMARK(TwoLocks)->Name("stop_start_alone/floor:two_locks");

}  // namespace
}  // namespace rt
