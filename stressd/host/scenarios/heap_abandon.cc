// Heap abandon: thread states leave with live blocks in all their heaps.
//   Stresses   parked heap bundles and their adoption, frees into bundles that
//              nobody owns, blocks made here and freed there.
//   Method     `threads` threads live `lives` lives in a round. A life makes
//              numbers, lists with arrays of all sizes and instances with and
//              without a prefix, puts them into shared places, drops what others
//              left there, and goes. Every fourth round everything is dropped.
//   Holds if   there are never more bundles than threads at a time; after every
//              fourth round the live blocks are exactly those of the start, and
//              the resident memory has not grown.
//   Exercises  the four heaps, parked heap bundles, delayed free, short-lived
//              thread states, stop-the-world.

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_format.h"
#include "runtime/runtime.h"
#include "stressd/host/oracles/process_usage.h"
#include "stressd/host/scenario/load_scale.h"
#include "stressd/host/scenarios/marked_number.h"
#include "stressd/host/scenarios/object_places.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

constexpr int64_t kRoundsPerClosing = 4;
// The memory of two closings is the allocator's warm-up.
constexpr int64_t kWarmUpClosings = 2;
// Bounds of the growth since then: 20 % of it and 16 MiB, half a segment of
// mimalloc, which it gives back late.
constexpr int64_t kGrowthPercent = 20;
constexpr int64_t kGrowthBytes = 16 << 20;

constexpr ParameterSpec kParameters[] = {
    IntParameter("threads", 4, 1, 256, "OS threads at a time.", ParameterCounts::kThreads),
    IntParameter("rounds", 12, 1, 100'000'000,
                 "How often all threads are started and joined; fewer under sanitizers."),
    IntParameter("lives", 12, 1, 1'000'000, "Thread states per OS thread and round."),
    IntParameter("objects", 80, 1, 1'000'000, "Objects made per life."),
    IntParameter("places", 600, 1, 1'000'000, "Places that hold what lives leave behind."),
    IntParameter("largest_list", 3000, 1, 1'000'000,
                 "Items that the array of a list has room for."),
};

class HeapAbandon final : public RoundScenario {
 public:
  explicit HeapAbandon(const Parameters& parameters)
      : RoundScenario(parameters, kRoundsPerClosing),
        lives_(parameters.GetInt("lives")),
        objects_(parameters.GetInt("objects")),
        largest_list_(parameters.GetInt("largest_list")),
        places_(static_cast<size_t>(parameters.GetInt("places"))) {
    Require(rt::Counter::kHeapBundlesAbandoned, "no bundle of heaps was parked");
    Require(rt::Counter::kHeapBundlesAdopted, "no bundle of heaps was adopted");
  }

 private:
  absl::Status BeginRound(ScenarioContext& context) override {
    if (plain_type_ != nullptr) return absl::OkStatus();
    rt::ThreadState& main = context.main_thread();
    plain_type_ = rt::TypeNew(main, {.name = "Left", .slot_count = 2});
    prefix_type_ =
        rt::TypeNew(main, {.name = "LeftWeak", .slot_count = 2, .weakly_referable = true});
    if (plain_type_ == nullptr || prefix_type_ == nullptr) return NoMemory();
    return AtRest(context, &start_);
  }

  absl::Status Work(ScenarioContext& context, Worker& worker) override {
    for (int64_t life = 0; life < lives_; ++life) {
      rt::ScopedThreadState thread(context.interpreter());
      if (!thread) return NoMemory();
      for (int64_t i = 0; i < objects_; ++i) {
        rt::Object* const object = Make(*thread, worker.prng);
        if (object == nullptr) return NoMemory();
        Put(*thread, worker.prng.Next(), object);
      }
      context.progress().Count(static_cast<uint64_t>(objects_));
      // Half of the lives leave without a safe point.
      if (worker.prng.Chance(1, 2)) {
        const absl::Status status = Breathe(*thread, worker.prng);
        if (!status.ok()) return status;
      }
      if (context.ShouldStop()) break;
    }
    return absl::OkStatus();
  }

  rt::Object* Make(rt::ThreadState& thread, Prng& prng) {
    switch (prng.Below(4)) {
      case 0: {
        rt::Number* const number =
            rt::NumberNew(thread, MarkedNumber(static_cast<uint32_t>(prng.Next())));
        return number == nullptr ? nullptr : rt::AsObject(number);
      }
      case 1: {
        // Mostly small, now and then of any size.
        const int64_t most = prng.Chance(1, 16) ? largest_list_ : 64;
        rt::List* const list = rt::ListNew(thread, prng.Between(0, std::min(most, largest_list_)));
        return list == nullptr ? nullptr : rt::AsObject(list);
      }
      default: {
        rt::Instance* const instance =
            rt::InstanceNew(thread, prng.Chance(1, 2) ? plain_type_ : prefix_type_);
        return instance == nullptr ? nullptr : rt::AsObject(instance);
      }
    }
  }

  void Put(rt::ThreadState& thread, uint64_t index, rt::Object* object) {
    rt::Object* const replaced = places_.Swap(index, object);
    if (replaced == nullptr) return;
    if (rt::IsNumber(replaced) && !IsMarkedNumber(rt::NumberValue(replaced))) {
      // relaxed: a statistic, judged when no thread works any more.
      wrong_values_.fetch_add(1, std::memory_order_relaxed);
    }
    rt::Decref(thread, replaced);
  }

  absl::Status EndRound(ScenarioContext& context) override {
    if (!ClosesRound(context, kRoundsPerClosing)) return absl::OkStatus();
    places_.DropAll(context.main_thread());
    rt::BalanceSnapshot now;
    const absl::Status status = AtRest(context, &now);
    if (!status.ok()) return status;
    if (now.LiveBlockCount() != start_.LiveBlockCount()) {
      found().Add("live-blocks",
                  absl::StrFormat("%d blocks are alive after everything was dropped, "
                                  "%d were at the start",
                                  now.LiveBlockCount(), start_.LiveBlockCount()));
    }
    if (now.parked_bundle_count > start_.parked_bundle_count + threads()) {
      found().Add(
          "parked-bundles",
          absl::StrFormat("%d bundles are parked after rounds of %d threads; %d were before",
                          now.parked_bundle_count, threads(), start_.parked_bundle_count));
    }
    ++closings_;
    resident_bytes_ = ResidentBytes();
    if (closings_ <= kWarmUpClosings) warm_bytes_ = resident_bytes_;
    return absl::OkStatus();
  }

  // Brings the interpreter to rest and reads its balance.
  static absl::Status AtRest(ScenarioContext& context, rt::BalanceSnapshot* out) {
    rt::ThreadState& main = context.main_thread();
    if (!context.interpreter().Quiesce(main)) return WasShutDown();
    if (!context.interpreter().Snapshot(main, out)) return WasShutDown();
    return absl::OkStatus();
  }

  void DropAll(ScenarioContext& context) override {
    places_.DropAll(context.main_thread());
    for (rt::TypeObject* const type : {plain_type_, prefix_type_}) {
      if (type != nullptr) rt::Decref(context.main_thread(), rt::AsObject(type));
    }
  }

  void Conclude(ScenarioContext& context) override {
    // relaxed: no thread works any more.
    const int64_t wrong = wrong_values_.load(std::memory_order_relaxed);
    if (wrong != 0) {
      found().Add("object-values",
                  absl::StrFormat("%d numbers did not hold what they were made with", wrong));
    }
    context.Measure("closings_count", closings_);
    context.Measure("resident_warm_bytes", warm_bytes_);
    context.Measure("resident_end_bytes", resident_bytes_);
    if (closings_ == 0 && rounds_done() > 0) {
      found().AddUnreached("no round dropped everything");
    }
    const int64_t bound = warm_bytes_ + warm_bytes_ / 100 * kGrowthPercent + kGrowthBytes;
    if (kJudgesResidentMemory && resident_bytes_ > bound) {
      found().Add("resident-memory",
                  absl::StrFormat("%d bytes are resident after %d closings; at most %d should",
                                  resident_bytes_, closings_, bound));
    }
  }

  const int64_t lives_;
  const int64_t objects_;
  const int64_t largest_list_;
  ObjectPlaces places_;
  rt::TypeObject* plain_type_ = nullptr;
  rt::TypeObject* prefix_type_ = nullptr;
  rt::BalanceSnapshot start_;
  int64_t closings_ = 0;
  int64_t warm_bytes_ = 0;
  int64_t resident_bytes_ = 0;
  rt::Atomic<int64_t> wrong_values_{0};
};

}  // namespace

extern const ScenarioDeclaration kHeapAbandonDeclaration = {
    .name = "heap-abandon",
    .summary = "Thread states leave with live blocks in all their heaps; the next ones adopt them.",
    .stresses =
        "parked heap bundles and their adoption, frees into bundles that nobody owns, blocks made "
        "here and freed there",
    .method =
        "`threads` threads live `lives` lives in a round. A life makes numbers, lists with arrays "
        "of all sizes and instances with and without a prefix, puts them into shared places, drops "
        "what others left there, and goes. Every fourth round everything is dropped.",
    .holds_if =
        "there are never more bundles than threads at a time; after every fourth round the live "
        "blocks are exactly those of the start, and the resident memory has not grown",
    .exercises =
        "the four heaps, parked heap bundles, delayed free, short-lived thread states, "
        "stop-the-world",
    .parameters = kParameters,
    .rounds_parameter = "rounds",
    .create = &CreateScenario<HeapAbandon>,
};

}  // namespace stressd::host
