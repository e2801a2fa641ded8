// Reference counts, objects and memory.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <vector>

#include "benchmark/benchmark.h"
#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/atomic.h"
#include "runtime/bench/bench_runtime.h"
#include "runtime/object/instance.h"
#include "runtime/object/list.h"
#include "runtime/object/number.h"
#include "runtime/object/object_space.h"
#include "runtime/object/reference_count.h"

namespace rt {
namespace {

// 64: the working set of the published comparisons; stays in the first cache.
constexpr size_t kObjects = 64;

void CountPairs(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kObjects));
}

void TouchPairs(benchmark::State& state, ThreadState& thread, const std::vector<Object*>& objects) {
  for (auto _ : state) {
    for (Object* object : objects) {
      Incref(thread, object);
      benchmark::ClobberMemory();
      Decref(thread, object);
    }
  }
  CountPairs(state);
}

void OwnedPair(benchmark::State& state) {
  BenchRuntime bench;
  std::vector<Object*> objects;
  for (size_t i = 0; i < kObjects; ++i) {
    objects.push_back(AsObject(NumberNew(bench.thread(), 1)));
  }
  TouchPairs(state, bench.thread(), objects);
  for (Object* object : objects) Decref(bench.thread(), object);
}
BENCHMARK(OwnedPair)->Name("owned_pair");

void PlainPair(benchmark::State& state) {
  std::vector<int64_t> words(kObjects, 1);
  for (auto _ : state) {
    for (int64_t& word : words) {
      ++word;
      benchmark::ClobberMemory();
      --word;
    }
  }
  CountPairs(state);
}
BENCHMARK(PlainPair)->Name("owned_pair/floor:plain");
BENCHMARK(PlainPair)->Name("immortal_pair/floor:plain");

void AtomicPair(benchmark::State& state) {
  std::vector<Atomic<int64_t>> words(kObjects);
  for (auto _ : state) {
    for (Atomic<int64_t>& word : words) {
      word.fetch_add(1, std::memory_order_relaxed);
      benchmark::ClobberMemory();
      word.fetch_sub(1, std::memory_order_release);
    }
  }
  CountPairs(state);
}
BENCHMARK(AtomicPair)->Name("owned_pair/floor:atomic");
BENCHMARK(AtomicPair)->Name("shared_pair/floor:atomic");

// Objects of a thread state that is detached, with a foreign reference held.
void SharedPair(benchmark::State& state) {
  BenchRuntime bench;
  std::vector<Object*> objects;
  ThreadState* const owner = NewThreadState(bench.interpreter());
  std::thread([&] {
    if (!Attach(*owner)) abort();
    for (size_t i = 0; i < kObjects; ++i) {
      objects.push_back(AsObject(NumberNew(*owner, 1)));
    }
    Detach(*owner);
  }).join();
  for (Object* object : objects) Incref(bench.thread(), object);
  TouchPairs(state, bench.thread(), objects);
  for (Object* object : objects) {
    Decref(bench.thread(), object);
    Decref(bench.thread(), object);
  }
  ClearThreadState(bench.thread(), *owner);
  DeleteThreadState(bench.thread(), *owner);
  ReleaseThreadState(owner);
}
BENCHMARK(SharedPair)->Name("shared_pair");

void ImmortalPair(benchmark::State& state) {
  BenchRuntime bench;
  std::vector<Object*> objects(kObjects, AsObject(&bench.interpreter().space().types.number_type));
  TouchPairs(state, bench.thread(), objects);
}
BENCHMARK(ImmortalPair)->Name("immortal_pair");

void NumberCreateDestroy(benchmark::State& state) {
  BenchRuntime bench;
  for (auto _ : state) {
    Object* const object = AsObject(NumberNew(bench.thread(), 1));
    benchmark::DoNotOptimize(object);
    Decref(bench.thread(), object);
  }
}
BENCHMARK(NumberCreateDestroy)->Name("number_create_destroy");

void ListCreateDestroy(benchmark::State& state) {
  BenchRuntime bench;
  for (auto _ : state) {
    Object* const object = AsObject(ListNew(bench.thread()));
    benchmark::DoNotOptimize(object);
    Decref(bench.thread(), object);
  }
}
BENCHMARK(ListCreateDestroy)->Name("list_create_destroy");

void InstanceCreateDestroy(benchmark::State& state) {
  BenchRuntime bench;
  TypeSpec spec;
  spec.name = "bench";
  spec.slot_count = 2;
  TypeObject* const type = TypeNew(bench.thread(), spec);
  for (auto _ : state) {
    Object* const object = AsObject(InstanceNew(bench.thread(), type));
    benchmark::DoNotOptimize(object);
    Decref(bench.thread(), object);
  }
  Decref(bench.thread(), AsObject(type));
}
BENCHMARK(InstanceCreateDestroy)->Name("instance_create_destroy");

// Through our copy of mimalloc; one block stays, so that its page lives.
template <size_t kBytes, HeapKind kKind>
void HeapPair(benchmark::State& state) {
  BenchRuntime bench;
  HeapBundle* const heaps = bench.thread().heaps;
  void* const kept = HeapAllocate(heaps, kKind, kBytes);
  for (auto _ : state) {
    void* const block = HeapAllocate(heaps, kKind, kBytes);
    benchmark::DoNotOptimize(block);
    HeapFree(block);
  }
  HeapFree(kept);
}
BENCHMARK(HeapPair<40, HeapKind::kObject>)->Name("number_create_destroy/floor:heap");
BENCHMARK(HeapPair<48, HeapKind::kObject>)->Name("list_create_destroy/floor:heap");
BENCHMARK(HeapPair<48, HeapKind::kObject>)->Name("instance_create_destroy/floor:heap");
BENCHMARK(HeapPair<64, HeapKind::kMemory>)->Name("heap_pair");
BENCHMARK(HeapPair<64, HeapKind::kMemory>)->Name("allocate_delayed_free/floor:heap");

void MallocPair(benchmark::State& state) {
  for (auto _ : state) {
    void* const block = malloc(64);
    benchmark::DoNotOptimize(block);
    free(block);
  }
}
BENCHMARK(MallocPair)->Name("heap_pair/floor:glibc");

void AllocateDelayedFree(benchmark::State& state) {
  BenchRuntime bench;
  ThreadState& thread = bench.thread();
  for (auto _ : state) {
    void* const block = HeapAllocate(thread.heaps, HeapKind::kMemory, 64);
    thread.delayed_free.FreeMemory(block, 64);
    if (!SafePoint(thread)) abort();
  }
}
BENCHMARK(AllocateDelayedFree)->Name("allocate_delayed_free");

}  // namespace
}  // namespace rt
