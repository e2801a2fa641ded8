// The reference loops: what the machine, mimalloc, ck and liburcu take.

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#include "benchmark/benchmark.h"
#include "runtime/alloc/mimalloc_glue.h"
#include "runtime/base/atomic.h"
#include "runtime/base/futex.h"
#include "runtime/bench/bench_runtime.h"
#include "runtime/bench/reference_loops.h"

namespace rt {
namespace {

// What owned_pair does if counting were all: as many objects of the same size,
// found in the same way, by pointer, with the count where the header has it.
void PlainPair(benchmark::State& state) {
  struct Counted {
    uint32_t before[3];
    uint32_t count;
    uint64_t after[3];
  };
  static_assert(sizeof(Counted) == kNumberBytes && offsetof(Counted, count) == 12);
  std::vector<Counted> blocks(kBenchObjectCount);
  std::vector<Counted*> objects;
  for (Counted& block : blocks) objects.push_back(&block);
  while (state.KeepRunningBatch(kBenchObjectCount)) {
    for (Counted* object : objects) {
      ++object->count;
      benchmark::ClobberMemory();
      --object->count;
    }
  }
}
BENCHMARK(PlainPair)->Name("plain_pair");

// The same on adjacent words: nothing to find.
void PlainWords(benchmark::State& state) {
  std::vector<int64_t> words(kBenchObjectCount, 1);
  while (state.KeepRunningBatch(kBenchObjectCount)) {
    for (int64_t& word : words) {
      ++word;
      benchmark::ClobberMemory();
      --word;
    }
  }
}
BENCHMARK(PlainWords)->Name("plain_words");

void AtomicPair(benchmark::State& state) {
  std::vector<Atomic<int64_t>> words(kBenchObjectCount);
  while (state.KeepRunningBatch(kBenchObjectCount)) {
    for (Atomic<int64_t>& word : words) {
      word.fetch_add(1, std::memory_order_relaxed);
      benchmark::ClobberMemory();
      word.fetch_sub(1, std::memory_order_release);
    }
  }
}
BENCHMARK(AtomicPair)->Name("atomic_pair");

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
BENCHMARK(LoadStore)->Name("load_store");

// 64: what a branch mispredicted once a call does not show in.
constexpr size_t kUrcuBatch = 64;

void UrcuQuiescentState(benchmark::State& state) {
  rt_urcu_register();
  while (state.KeepRunningBatch(kUrcuBatch)) rt_urcu_quiescent_states(kUrcuBatch);
  rt_urcu_unregister();
}
BENCHMARK(UrcuQuiescentState)->Name("urcu_qsbr");

// Two compare-exchanges and two stores.
void TwoExchanges(benchmark::State& state) {
  Atomic<uint32_t> word{1};
  Atomic<uint64_t> slot{1};
  benchmark::DoNotOptimize(&word);
  benchmark::DoNotOptimize(&slot);
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
BENCHMARK(TwoExchanges)->Name("two_exchanges");

// Pop and push of a stack of blocks linked through their first word.
void LifoPair(benchmark::State& state) {
  struct Block {
    Block* next;
    uint64_t payload[4];
  };
  std::vector<Block> blocks(8);
  struct {
    Block* head = nullptr;
    int32_t size = 0;
  } list;
  for (Block& block : blocks) {
    block.next = list.head;
    list.head = &block;
    ++list.size;
  }
  benchmark::DoNotOptimize(&list);
  for (auto _ : state) {
    Block* const block = list.head;
    list.head = block->next;
    --list.size;
    benchmark::DoNotOptimize(block);
    benchmark::ClobberMemory();
    block->next = list.head;
    list.head = block;
    ++list.size;
    benchmark::ClobberMemory();
  }
}
BENCHMARK(LifoPair)->Name("lifo_pair");

// A set of heaps as our copy of mimalloc makes it, without the runtime.
class MimallocSet {
 public:
  MimallocSet() : bench_() {
    memory_ = aligned_alloc(RT_MI_SET_ALIGNMENT, (rt_mi_set_bytes() + RT_MI_SET_ALIGNMENT - 1) /
                                                     RT_MI_SET_ALIGNMENT * RT_MI_SET_ALIGNMENT);
    if (memory_ == nullptr) abort();
    rt_mi_set_init(memory_, nullptr, 0);
    rt_mi_set_bind(memory_, CurrentThreadId());
  }
  ~MimallocSet() {
    rt_mi_set_destroy(memory_);
    free(memory_);
  }
  void* get() const { return memory_; }

 private:
  BenchRuntime bench_;  // Gives the thread its id, and sets mimalloc's options.
  void* memory_ = nullptr;
};

void* AllocateIn(void* set, size_t bytes) { return rt_mi_allocate(set, 0, bytes); }

// mi_heap_malloc() and mi_free() of one block of 64 bytes, in a page that lives. An
// instance of 48 bytes takes the same way: another queue of pages, no more.
void MimallocPair(benchmark::State& state) {
  MimallocSet set;
  void* const kept = AllocateIn(set.get(), 64);
  for (auto _ : state) {
    void* const block = AllocateIn(set.get(), 64);
    benchmark::DoNotOptimize(block);
    rt_mi_free(block);
  }
  rt_mi_free(kept);
}
BENCHMARK(MimallocPair)->Name("mimalloc_pair");

void CkRetire(benchmark::State& state) {
  MimallocSet set;
  void* const kept = AllocateIn(set.get(), 64);
  rt_ck_register();
  constexpr size_t kBatch = 1024;
  while (state.KeepRunningBatch(kBatch)) {
    rt_ck_retire(kBatch, &AllocateIn, set.get(), &rt_mi_free);
  }
  rt_ck_unregister();
  rt_mi_free(kept);
}
BENCHMARK(CkRetire)->Name("ck_retire");

// What keeping a list of allocated records takes at the least.
void MutexListCalloc(benchmark::State& state) {
  struct Record {
    Record* next;
    Record* previous;
    char rest[496];
  };
  std::mutex mutex;
  Record* head = nullptr;
  for (auto _ : state) {
    auto* const record = static_cast<Record*>(calloc(1, sizeof(Record)));
    if (record == nullptr) abort();
    {
      std::lock_guard<std::mutex> lock(mutex);
      record->next = head;
      head = record;
    }
    benchmark::DoNotOptimize(record);
    {
      std::lock_guard<std::mutex> lock(mutex);
      head = record->next;
    }
    free(record);
  }
}
BENCHMARK(MutexListCalloc)->Name("mutex_list_calloc");

// There and back between two threads that sleep in the kernel at once.
void FutexRoundTrip(benchmark::State& state) {
  Atomic<uint32_t> ping{0};
  Atomic<uint32_t> pong{0};
  const auto wait_for = [](Atomic<uint32_t>& word, uint32_t value) {
    for (;;) {
      const uint32_t seen = word.load(std::memory_order_acquire);
      if (seen == value) return;
      FutexWait(word, seen, kNoTimeout);
    }
  };
  // UINT32_MAX ends it.
  std::thread other([&] {
    for (uint32_t turn = 1;; ++turn) {
      for (;;) {
        const uint32_t seen = ping.load(std::memory_order_acquire);
        if (seen == UINT32_MAX) return;
        if (seen == turn) break;
        FutexWait(ping, seen, kNoTimeout);
      }
      pong.store(turn, std::memory_order_release);
      FutexWake(&pong, 1);
    }
  });
  uint32_t turn = 0;
  for (auto _ : state) {
    ++turn;
    ping.store(turn, std::memory_order_release);
    FutexWake(&ping, 1);
    wait_for(pong, turn);
  }
  ping.store(UINT32_MAX, std::memory_order_release);
  FutexWake(&ping, 1);
  other.join();
}
BENCHMARK(FutexRoundTrip)->Name("futex_round_trip")->UseRealTime();

// The first touch of a page of fresh anonymous memory.
void MinorPageFault(benchmark::State& state) {
  constexpr size_t kPageBytes = 4096;
  constexpr size_t kPageCount = 256;
  while (state.KeepRunningBatch(kPageCount)) {
    state.PauseTiming();
    void* const memory = mmap(nullptr, kPageCount * kPageBytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) abort();
    (void)madvise(memory, kPageCount * kPageBytes, MADV_NOHUGEPAGE);
    state.ResumeTiming();
    for (size_t i = 0; i < kPageCount; ++i) static_cast<char*>(memory)[i * kPageBytes] = 1;
    state.PauseTiming();
    munmap(memory, kPageCount * kPageBytes);
    state.ResumeTiming();
  }
}
BENCHMARK(MinorPageFault)->Name("minor_page_fault");

void PthreadLife(benchmark::State& state) {
  for (auto _ : state) std::thread([] {}).join();
}
BENCHMARK(PthreadLife)->Name("pthread_life")->UseRealTime();

}  // namespace
}  // namespace rt
