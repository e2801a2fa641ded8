// Freelist churn: bursts of small objects around the limits of the freelists.
//   Stresses   freelists that fill, overflow and empty; objects that die on other
//              threads than their owner's; foreign clears of warm freelists;
//              readers that try for objects that lie on a freelist.
//   Method     `threads` threads make and drop bursts of numbers, lists and tuples
//              around the limits, hand whole bursts to each other, and read and
//              replace the items of a shared list. Half of the thread states of a round
//              are left with warm freelists to the main thread, which clears them.
//   Holds if   every number read is what was written, no freelist outgrows its
//              limit, and clearing a foreign thread state empties that one's lists
//              and not the caller's.
//   Exercises  freelists, merge queues, try-incref, foreign clear and delete,
//              parked heap bundles, stop-the-world.

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/str_format.h"
#include "runtime/runtime.h"
#include "stressd/host/scenarios/marked_number.h"
#include "stressd/host/scenarios/object_burst.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

// 12: numbers that the main thread keeps on its freelist during foreign clears.
constexpr int kKeptWarm = 12;

constexpr ParameterSpec kParameters[] = {
    IntParameter("threads", 4, 1, 256, "OS threads at a time.", ParameterCounts::kThreads),
    IntParameter("rounds", 16, 1, 100'000'000,
                 "How often all threads are started and joined; fewer under sanitizers."),
    IntParameter("bursts", 60, 1, 10'000'000, "Bursts per thread and round."),
    IntParameter("places", 6, 1, 10'000, "Places through which bursts are handed over."),
    IntParameter("shared_items", 32, 1, 100'000, "Items of the list that all threads read."),
};

class FreelistChurn final : public RoundScenario {
 public:
  explicit FreelistChurn(const Parameters& parameters)
      : RoundScenario(parameters, 2),
        bursts_(parameters.GetInt("bursts")),
        shared_items_(parameters.GetInt("shared_items")),
        places_(static_cast<size_t>(parameters.GetInt("places"))),
        left_(static_cast<size_t>(threads())) {
    Require(rt::Counter::kFreelistHits, "nothing came from a freelist");
    Require(rt::Counter::kFreelistOverflows, "no freelist was full");
    Require(rt::Counter::kListReads, "no item was read");
  }

 private:
  using Burst = ObjectBurst;

  absl::Status BeginRound(ScenarioContext& context) override {
    if (shared_ != nullptr) return absl::OkStatus();
    rt::ThreadState& main = context.main_thread();
    shared_ = rt::ListNew(main);
    if (shared_ == nullptr) return NoMemory();
    for (int64_t i = 0; i < shared_items_; ++i) {
      rt::Object* const number = NewMarkedNumber(main, context.prng());
      if (number == nullptr) return NoMemory();
      const bool appended = rt::ListAppend(main, shared_, number);
      rt::Decref(main, number);
      if (!appended) return NoMemory();
    }
    return absl::OkStatus();
  }

  absl::Status Work(ScenarioContext& context, Worker& worker) override {
    rt::ThreadState* const thread = rt::NewThreadState(context.interpreter());
    if (thread == nullptr) return NoMemory();
    if (!rt::Attach(*thread)) {
      rt::ReleaseThreadState(thread);
      return WasShutDown();
    }
    absl::Status status;
    for (int64_t i = 0; status.ok() && i < bursts_; ++i) {
      status = WorkOnce(*thread, worker.prng);
      CheckLimits(*thread);
      context.progress().Count(1);
      if (context.ShouldStop()) break;
    }
    if (absl::IsAborted(status)) {
      rt::ReleaseThreadState(thread);
      return status;
    }
    if (status.ok() && worker.prng.Chance(1, 2)) {
      status = MakeAndDrop(*thread, worker.prng);
      rt::Detach(*thread);
      left_[static_cast<size_t>(worker.index)] = thread;
      return status;
    }
    Leave(*thread);
    return status;
  }

  absl::Status WorkOnce(rt::ThreadState& thread, Prng& prng) {
    absl::Status status;
    switch (prng.Below(4)) {
      case 0:
      case 1:
        status = MakeAndDrop(thread, prng);
        break;
      case 2:
        status = HandOver(thread, prng);
        break;
      default:
        status = ReadAndReplace(thread, prng);
    }
    if (!status.ok()) return status;
    return Breathe(thread, prng);
  }

  // Makes more or fewer objects than a freelist holds and drops them in an
  // order of its own.
  absl::Status MakeAndDrop(rt::ThreadState& thread, Prng& prng) {
    Burst burst;
    const bool made = MakeBurst(thread, prng, burst);
    if (prng.Chance(1, 2)) std::reverse(burst.begin(), burst.end());
    DropBurst(thread, burst);
    return made ? absl::OkStatus() : NoMemory();
  }

  absl::Status HandOver(rt::ThreadState& thread, Prng& prng) {
    auto burst = std::make_unique<Burst>();
    const bool made = MakeBurst(thread, prng, *burst);
    // (Z1) acq_rel exchange, synchronizes with the exchange (Z1) of another
    //      thread: its burst is complete before we look at it.
    Burst* const taken =
        places_[prng.Below(places_.size())].exchange(burst.release(), std::memory_order_acq_rel);
    CountWrong(DropTakenBurst(thread, taken));
    return made ? absl::OkStatus() : NoMemory();
  }

  absl::Status ReadAndReplace(rt::ThreadState& thread, Prng& prng) {
    for (int64_t i = 0; i < shared_items_; ++i) {
      const auto index = static_cast<int64_t>(prng.Below(static_cast<uint64_t>(shared_items_)));
      if (prng.Chance(1, 3)) {
        rt::Object* const number = NewMarkedNumber(thread, prng);
        if (number == nullptr) return NoMemory();
        (void)rt::ListSet(thread, shared_, index, number);  // The size never changes.
        rt::Decref(thread, number);
        continue;
      }
      rt::Object* const item = rt::ListGet(thread, shared_, index);
      if (item == nullptr || !rt::IsNumber(item) || !IsMarkedNumber(rt::NumberValue(item))) {
        CountWrong(1);
      }
      rt::DecrefIfNotNull(thread, item);
    }
    return absl::OkStatus();
  }

  void CountWrong(int64_t count) {
    // relaxed: a statistic, judged when no thread works any more.
    if (count != 0) wrong_values_.fetch_add(count, std::memory_order_relaxed);
  }

  void CheckLimits(const rt::ThreadState& thread) {
    for (const rt::Freelist* list :
         {&thread.number_freelist, &thread.list_freelist, &thread.tuple_freelists.of_size[1]}) {
      if (list->size() <= list->limit()) continue;
      found().Add("freelist-limit", absl::StrFormat("a freelist for %d holds %d objects",
                                                    list->limit(), list->size()));
    }
  }

  // Clears the thread states that the round's threads left behind.
  absl::Status EndRound(ScenarioContext& context) override {
    rt::ThreadState& main = context.main_thread();
    for (rt::ThreadState*& left : left_) {
      if (left == nullptr) continue;
      rt::ThreadState& victim = *std::exchange(left, nullptr);
      Burst warm;
      for (int i = 0; i < kKeptWarm; ++i) {
        if (rt::Object* const number = NewMarkedNumber(main, context.prng()))
          warm.push_back(number);
      }
      DropBurst(main, warm);
      const bool was_warm = main.number_freelist.size() > 0;
      if (was_warm && victim.number_freelist.size() > 0) ++warm_clears_;
      rt::ClearThreadState(main, victim);
      if (was_warm && main.number_freelist.size() <= 0) {
        found().Add("freelist-owner", "clearing a foreign thread state emptied the caller's list");
      }
      if (victim.number_freelist.enabled() || victim.list_freelist.enabled() ||
          victim.tuple_freelists.of_size[1].enabled()) {
        found().Add("freelist-owner", "a cleared thread state's freelists are enabled");
      }
      rt::DeleteThreadState(main, victim);
      rt::ReleaseThreadState(&victim);
    }
    return absl::OkStatus();
  }

  void DropAll(ScenarioContext& context) override {
    rt::ThreadState& main = context.main_thread();
    (void)EndRound(context);
    for (rt::Atomic<Burst*>& place : places_) {
      // (Z2) acquire exchange, synchronizes with the exchange (Z1) in HandOver().
      CountWrong(DropTakenBurst(main, place.exchange(nullptr, std::memory_order_acquire)));
    }
    if (shared_ != nullptr) rt::Decref(main, rt::AsObject(std::exchange(shared_, nullptr)));
  }

  void Conclude(ScenarioContext& context) override {
    // relaxed: no thread works any more.
    const int64_t wrong = wrong_values_.load(std::memory_order_relaxed);
    if (wrong != 0) {
      found().Add("object-values",
                  absl::StrFormat("%d numbers did not hold what they were made with", wrong));
    }
    context.Measure("warm_clears_count", warm_clears_);
    context.Measure("failed_tries_count", Grown(rt::Counter::kTryIncrefFailures));
    if (warm_clears_ == 0 && rounds_done() > 0) {
      found().AddUnreached("no thread state with warm freelists was cleared by another thread");
    }
  }

  const int64_t bursts_;
  const int64_t shared_items_;
  std::vector<rt::Atomic<Burst*>> places_;
  std::vector<rt::ThreadState*> left_;  // By worker; joined before it is read.
  rt::List* shared_ = nullptr;
  int64_t warm_clears_ = 0;
  rt::Atomic<int64_t> wrong_values_{0};
};

}  // namespace

extern const ScenarioDeclaration kFreelistChurnDeclaration = {
    .name = "freelist-churn",
    .summary = "Bursts of small objects come and go around the limits of the freelists.",
    .stresses =
        "freelists that fill, overflow and empty; objects that die on other threads than their "
        "owner's; foreign clears of warm freelists; readers that try for objects that lie on a "
        "freelist",
    .method =
        "`threads` threads make and drop bursts of numbers, lists and tuples around the limits, "
        "hand whole bursts to each other, and read and replace the items of a shared list. Half of "
        "the "
        "thread states of a round are left with warm freelists to the main thread, which clears "
        "them.",
    .holds_if =
        "every number read is what was written, no freelist outgrows its limit, and clearing a "
        "foreign thread state empties that one's lists and not the caller's",
    .exercises =
        "freelists, merge queues, try-incref, foreign clear and delete, parked heap bundles, "
        "stop-the-world",
    .parameters = kParameters,
    .rounds_parameter = "rounds",
    .create = &CreateScenario<FreelistChurn>,
};

}  // namespace stressd::host
