// Collections: of a million live objects, of a million in cycles of garbage; and
// the sweep over an array that they are compared with. All times are per object.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "benchmark/benchmark.h"
#include "runtime/base/check.h"
#include "runtime/bench/bench_runtime.h"

namespace rt {
namespace {

// The size of the published comparisons; far beyond the caches.
constexpr int64_t kMillion = 1000000;

// One pass over a million records as large as the objects are, that reads and
// writes a word of each: the least that visiting them can cost.
void ArraySweep(benchmark::State& state) {
  static std::vector<List>* const records = new std::vector<List>(kMillion);
  while (state.KeepRunningBatch(kMillion)) {
    for (List& record : *records) {
      // relaxed: one thread.
      record.size.store(record.size.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    benchmark::ClobberMemory();
  }
}
BENCHMARK(ArraySweep)->Name("array_sweep");

// A runtime of which nothing is collected by itself, for all calls of one
// benchmark: making a million objects takes longer than collecting them.
class GarbageBench {
 public:
  GarbageBench() { EnableCollection(bench_.interpreter(), false); }

  ThreadState& thread() { return bench_.thread(); }

  void CollectAll(int64_t expected_count) {
    const CollectResult result = Collect(thread());
    RT_CHECK(result.status == CollectStatus::kDone && result.collected_count == expected_count,
             "BENCH", "%lld collected", static_cast<long long>(result.collected_count));
  }

 private:
  BenchRuntime bench_;
};

// An OS thread has one current thread state: each benchmark attaches its own for
// the time of a call.
template <typename Make>
void CollectLive(benchmark::State& state, GarbageBench*& kept, Make make) {
  if (kept == nullptr) {
    kept = new GarbageBench;
    make(kept->thread());
    kept->CollectAll(0);
  } else {
    RT_CHECK(Attach(kept->thread()), "BENCH", "not attached");
  }
  while (state.KeepRunningBatch(kMillion)) kept->CollectAll(0);
  Detach(kept->thread());
}

// A million empty lists in one list.
void CollectLists(benchmark::State& state) {
  static GarbageBench* bench = nullptr;
  CollectLive(state, bench, [](ThreadState& thread) {
    List* const root = ListNew(thread, kMillion);
    for (int64_t i = 0; i < kMillion; ++i) {
      List* const list = ListNew(thread);
      RT_CHECK(list != nullptr && ListAppend(thread, root, AsObject(list)), "BENCH", "no memory");
      Decref(thread, AsObject(list));
    }
  });
}
BENCHMARK(CollectLists)->Name("collect_lists");

// A million lists, each of which holds the one before.
void CollectLinked(benchmark::State& state) {
  static GarbageBench* bench = nullptr;
  CollectLive(state, bench, [](ThreadState& thread) {
    List* before = ListNew(thread);
    for (int64_t i = 1; i < kMillion; ++i) {
      List* const list = ListNew(thread);
      RT_CHECK(list != nullptr && ListAppend(thread, list, AsObject(before)), "BENCH", "no memory");
      Decref(thread, AsObject(before));
      before = list;
    }
  });
}
BENCHMARK(CollectLinked)->Name("collect_linked");

// A million lists that hold themselves.
void CollectGarbage(benchmark::State& state) {
  static GarbageBench* bench = nullptr;
  if (bench == nullptr) {
    bench = new GarbageBench;
  } else {
    RT_CHECK(Attach(bench->thread()), "BENCH", "not attached");
  }
  ThreadState& thread = bench->thread();
  while (state.KeepRunningBatch(kMillion)) {
    state.PauseTiming();
    for (int64_t i = 0; i < kMillion; ++i) {
      List* const list = ListNew(thread);
      RT_CHECK(list != nullptr && ListAppend(thread, list, AsObject(list)), "BENCH", "no memory");
      Decref(thread, AsObject(list));
    }
    state.ResumeTiming();
    bench->CollectAll(kMillion);
  }
  Detach(thread);
}
BENCHMARK(CollectGarbage)->Name("collect_garbage");

}  // namespace
}  // namespace rt
