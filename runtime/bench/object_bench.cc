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
#include "runtime/object/per_thread_count.h"
#include "runtime/object/reference_count.h"

namespace rt {
namespace {

void TouchPairs(benchmark::State& state, ThreadState& thread, const std::vector<Object*>& objects) {
  while (state.KeepRunningBatch(static_cast<int64_t>(objects.size()))) {
    for (Object* object : objects) {
      Incref(thread, object);
      benchmark::ClobberMemory();
      Decref(thread, object);
    }
  }
}

void OwnedPair(benchmark::State& state) {
  BenchRuntime bench;
  std::vector<Object*> objects;
  for (size_t i = 0; i < kBenchObjectCount; ++i) {
    objects.push_back(AsObject(NumberNew(bench.thread(), 1)));
  }
  TouchPairs(state, bench.thread(), objects);
  for (Object* object : objects) Decref(bench.thread(), object);
}
BENCHMARK(OwnedPair)->Name("owned_pair");

// Each thread its own objects, counters and heaps: slower together means that
// thread states share cache lines.
void OwnedPairBesideOthers(benchmark::State& state) {
  ScopedThreadState thread(SharedBenchInterpreter());
  if (!thread) abort();
  std::vector<Object*> objects;
  for (size_t i = 0; i < kBenchObjectCount; ++i) {
    objects.push_back(AsObject(NumberNew(*thread, 1)));
  }
  TouchPairs(state, *thread, objects);
  for (Object* object : objects) Decref(*thread, object);
}
BENCHMARK(OwnedPairBesideOthers)->Name("owned_pair_1_thread");
BENCHMARK(OwnedPairBesideOthers)->Name("owned_pair_2_threads")->Threads(2);

// Objects of a thread state that is detached, with a foreign reference held.
void ForeignPair(benchmark::State& state) {
  BenchRuntime bench;
  std::vector<Object*> objects;
  ThreadState* const owner = NewThreadState(bench.interpreter());
  std::thread([&] {
    if (!Attach(*owner)) abort();
    for (size_t i = 0; i < kBenchObjectCount; ++i) {
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
BENCHMARK(ForeignPair)->Name("foreign_pair");

void ImmortalPair(benchmark::State& state) {
  BenchRuntime bench;
  std::vector<Object*> objects(kBenchObjectCount,
                               AsObject(&bench.interpreter().space().types.number_type));
  TouchPairs(state, bench.thread(), objects);
}
BENCHMARK(ImmortalPair)->Name("immortal_pair");

// Heap types whose maker has gone, so that whoever comes counts per thread.
const std::vector<TypeObject*>& SharedTypes() {
  static const std::vector<TypeObject*> types = [] {
    std::vector<TypeObject*> made;
    ScopedThreadState maker(SharedBenchInterpreter());
    if (!maker) abort();
    for (size_t i = 0; i < kBenchObjectCount; ++i) {
      made.push_back(TypeNew(*maker, {.name = "bench"}));
    }
    return made;
  }();
  return types;
}

void TypePair(benchmark::State& state) {
  const std::vector<TypeObject*>& types = SharedTypes();
  ScopedThreadState scoped(SharedBenchInterpreter());
  if (!scoped) abort();
  ThreadState& thread = *scoped;  // In a register, as an interpreter has it.
  while (state.KeepRunningBatch(static_cast<int64_t>(types.size()))) {
    for (TypeObject* type : types) {
      IncrefType(thread, type);
      benchmark::ClobberMemory();
      DecrefType(thread, type);
    }
  }
}
BENCHMARK(TypePair)->Name("type_pair");
BENCHMARK(TypePair)->Name("type_pair_2_threads")->Threads(2);

void NumberCreateDestroy(benchmark::State& state) {
  BenchRuntime bench;
  ThreadState& thread = bench.thread();  // In a register, as an interpreter has it.
  for (auto _ : state) {
    Object* const object = AsObject(NumberNew(thread, 1));
    benchmark::DoNotOptimize(object);
    Decref(thread, object);
  }
}
BENCHMARK(NumberCreateDestroy)->Name("number_create_destroy");

void ListCreateDestroy(benchmark::State& state) {
  BenchRuntime bench;
  ThreadState& thread = bench.thread();  // In a register, as an interpreter has it.
  for (auto _ : state) {
    Object* const object = AsObject(ListNew(thread));
    benchmark::DoNotOptimize(object);
    Decref(thread, object);
  }
}
BENCHMARK(ListCreateDestroy)->Name("list_create_destroy");

// One instance stays, so that the page lives, as in mimalloc_pair.
void InstanceCreateDestroy(benchmark::State& state) {
  BenchRuntime bench;
  ThreadState& thread = bench.thread();  // In a register, as an interpreter has it.
  TypeSpec spec;
  spec.name = "bench";
  spec.slot_count = 2;
  TypeObject* const type = TypeNew(thread, spec);
  Object* const kept = AsObject(InstanceNew(thread, type));
  for (auto _ : state) {
    Object* const object = AsObject(InstanceNew(thread, type));
    benchmark::DoNotOptimize(object);
    Decref(thread, object);
  }
  Decref(thread, kept);
  Decref(thread, AsObject(type));
}
BENCHMARK(InstanceCreateDestroy)->Name("instance_create_destroy");

// The heap's own way in and out, beside mimalloc's.
void HeapPair(benchmark::State& state) {
  BenchRuntime bench;
  ThreadState& thread = bench.thread();
  void* const kept = AllocateBlock(thread, HeapKind::kMemory, 64);
  for (auto _ : state) {
    void* const block = AllocateBlock(thread, HeapKind::kMemory, 64);
    benchmark::DoNotOptimize(block);
    HeapFree(block);
  }
  HeapFree(kept);
}
BENCHMARK(HeapPair)->Name("heap_pair");

void AllocateDelayedFree(benchmark::State& state) {
  ScopedThreadState thread(SharedBenchInterpreter());
  if (!thread) abort();
  while (state.KeepRunningBatch(kOperationsPerCheckpoint)) {
    for (int i = 0; i < kOperationsPerCheckpoint; ++i) {
      void* const block = AllocateBlock(*thread, HeapKind::kMemory, 64);
      thread->delayed_free.FreeMemory(block, 64);
    }
    if (!SafePoint(*thread)) abort();
  }
}
BENCHMARK(AllocateDelayedFree)->Name("delayed_free");
BENCHMARK(AllocateDelayedFree)->Name("delayed_free_2_threads")->Threads(2);

}  // namespace
}  // namespace rt
