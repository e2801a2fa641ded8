// Thread states, safe points and stops.

#include "runtime/bench/state_bench.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <vector>

#include "benchmark/benchmark.h"
#include "runtime/base/atomic.h"
#include "runtime/base/clock.h"
#include "runtime/bench/bench_runtime.h"
#include "runtime/qsbr/qsbr.h"
#include "runtime/state/fork.h"
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
  ScopedThreadState thread(SharedBenchInterpreter());
  if (!thread) abort();
  QsbrSlot& slot = *thread->qsbr_slot;
  QsbrShared& qsbr = *slot.shared;
  for (auto _ : state) {
    qsbr.QuiescentState(slot);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(QsbrCheckpoint)->Name("qsbr_checkpoint");
BENCHMARK(QsbrCheckpoint)->Name("qsbr_checkpoint_2_threads")->Threads(2);

void DetachAttach(benchmark::State& state) {
  BenchRuntime bench;
  for (auto _ : state) {
    Detach(bench.thread());
    if (!Attach(bench.thread())) abort();
  }
}
BENCHMARK(DetachAttach)->Name("detach_attach");

// New, attach, clear, delete, on one OS thread.
void LivesOfThreadStates(benchmark::State& state, BenchRuntime& bench) {
  Detach(bench.thread());
  for (auto _ : state) {
    ThreadState* const thread = NewThreadState(bench.interpreter());
    if (thread == nullptr || !Attach(*thread)) abort();
    ClearThreadState(*thread, *thread);
    DeleteThreadState(*thread, *thread);
  }
  if (!Attach(bench.thread())) abort();
}

void ThreadStateLife(benchmark::State& state) {
  BenchRuntime bench;
  LivesOfThreadStates(state, bench);
}
BENCHMARK(ThreadStateLife)->Name("thread_state_life");

// Beside thread states that ended and left a page or more of live blocks each.
void ThreadStateLifeBesideParked(benchmark::State& state) {
  constexpr int kParkedCount = 200;
  constexpr int kBlocksEach = 2000;
  BenchRuntime bench;
  std::vector<ThreadState*> left;
  std::vector<void*> blocks;
  Detach(bench.thread());
  for (int i = 0; i < kParkedCount; ++i) {
    // Made before any has ended, so that nobody adopts what another leaves.
    ThreadState* const thread = NewThreadState(bench.interpreter());
    if (thread == nullptr || !Attach(*thread)) abort();
    for (int block = 0; block < kBlocksEach; ++block) {
      blocks.push_back(AllocateBlock(*thread, HeapKind::kMemory, 256));
    }
    Detach(*thread);
    left.push_back(thread);
  }
  if (!Attach(bench.thread())) abort();
  for (ThreadState* thread : left) {
    ClearThreadState(bench.thread(), *thread);
    DeleteThreadState(bench.thread(), *thread);
    ReleaseThreadState(thread);
  }
  LivesOfThreadStates(state, bench);
  for (void* block : blocks) HeapFree(block);
}
BENCHMARK(ThreadStateLifeBesideParked)->Name("thread_state_life_beside_200_parked");

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

std::vector<ThreadState*> NewIdle(BenchRuntime& bench, int count) {
  std::vector<ThreadState*> idle;
  for (int i = 0; i < count; ++i) {
    idle.push_back(NewThreadState(bench.interpreter()));
    if (idle.back() == nullptr) abort();
  }
  return idle;
}

void DeleteIdle(BenchRuntime& bench, const std::vector<ThreadState*>& idle) {
  for (ThreadState* thread : idle) {
    ClearThreadState(bench.thread(), *thread);
    DeleteThreadState(bench.thread(), *thread);
    ReleaseThreadState(thread);
  }
}

void StopsAndStarts(benchmark::State& state, BenchRuntime& bench) {
  for (auto _ : state) {
    if (!StopTheWorld(bench.thread(), StopScope::kInterpreter)) abort();
    StartTheWorld(bench.thread());
  }
}

void StopStart(benchmark::State& state, int idle_count) {
  BenchRuntime bench;
  const std::vector<ThreadState*> idle = NewIdle(bench, idle_count);
  StopsAndStarts(state, bench);
  DeleteIdle(bench, idle);
}
BENCHMARK_CAPTURE(StopStart, none, 0)->Name("stop_start_alone");
BENCHMARK_CAPTURE(StopStart, idle, 8)->Name("stop_start_8_idle");

void StopStartRunning(benchmark::State& state) {
  BenchRuntime bench;
  const std::vector<ThreadState*> idle = NewIdle(bench, 8);
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
  StopsAndStarts(state, bench);
  done.store(true, std::memory_order_relaxed);
  Detach(bench.thread());
  other.join();
  if (!Attach(bench.thread())) abort();
  DeleteIdle(bench, idle);
}
BENCHMARK(StopStartRunning)->Name("stop_start_1_running_8_idle")->UseRealTime();

// Two uncontended mutexes.
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
BENCHMARK(TwoLocks)->Name("two_locks");

// Of the calling thread: a repair waits for nobody, so other processes' turns are
// none of its time.
int64_t ProcessorNanoseconds() {
  timespec time;
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0) abort();
  return time.tv_sec * kNanosecondsPerSecond + time.tv_nsec;
}

// Nanoseconds of AfterForkChild() in a child, told through shared memory.
double RepairInChild(BenchRuntime& bench) {
  static auto* const told = static_cast<Atomic<int64_t>*>(mmap(
      nullptr, sizeof(Atomic<int64_t>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (told == MAP_FAILED || !BeforeFork(bench.thread())) abort();
  const pid_t child = fork();
  if (child < 0) abort();
  if (child == 0) {
    const int64_t begin_ns = ProcessorNanoseconds();
    AfterForkChild(bench.thread());
    // relaxed: the parent reads it after the child has ended.
    told->store(ProcessorNanoseconds() - begin_ns, std::memory_order_relaxed);
    _exit(0);
  }
  AfterForkParent(bench.thread());
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) abort();
  return static_cast<double>(told->load(std::memory_order_relaxed));
}

void ForkRepair(benchmark::State& state, int idle_count) {
  BenchRuntime bench;
  const std::vector<ThreadState*> idle = NewIdle(bench, idle_count);
  for (auto _ : state) state.SetIterationTime(RepairInChild(bench) * 1e-9);
  DeleteIdle(bench, idle);
}
// 30: a fork costs a hundred times what is measured.
BENCHMARK_CAPTURE(ForkRepair, none, 0)->Name("fork_repair")->UseManualTime()->Iterations(30);

// What each of 64 dead thread states adds.
void ForkRepairPerIdle(benchmark::State& state) {
  constexpr int kIdleCount = 64;
  BenchRuntime bench;
  for (auto _ : state) {
    const double alone = RepairInChild(bench);
    const std::vector<ThreadState*> idle = NewIdle(bench, kIdleCount);
    const double repair = RepairInChild(bench);
    DeleteIdle(bench, idle);
    state.SetIterationTime(std::max(repair - alone, 1.0) / kIdleCount * 1e-9);
  }
}
BENCHMARK(ForkRepairPerIdle)->Name("fork_repair_per_idle")->UseManualTime()->Iterations(30);

// The unit of the goals that are times.
void Microsecond(benchmark::State& state) {
  for (auto _ : state) state.SetIterationTime(1e-6);
}
BENCHMARK(Microsecond)->Name("1_microsecond")->UseManualTime()->Iterations(1);

}  // namespace

double BytesPerIdleThreadState() {
  constexpr int kCount = 512;  // A power of two: slots come in such blocks.
  BenchRuntime bench;
  const auto allocated = [] {
    const struct mallinfo2 info = mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
  };
  const double before = allocated();
  const std::vector<ThreadState*> idle = NewIdle(bench, kCount);
  const double after = allocated();
  DeleteIdle(bench, idle);
  return (after - before) / kCount;
}

}  // namespace rt
