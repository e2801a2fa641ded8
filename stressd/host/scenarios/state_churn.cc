// State churn: thread states made by one thread, bound, cleared and deleted by
// others.
//   Stresses   creation in bulk, thread states that are never bound, binding on
//              another thread than the creator's, foreign clear and delete, walks
//              over the list of thread states meanwhile.
//   Method     `threads` threads share places for fresh and for used thread
//              states. They make some in bulk, attach one that somebody else made,
//              share an object it owns, leave it to others or end it themselves,
//              clear and delete what they find, and read the list. `lives` thread
//              states are made in all, `lives` / `rounds` in a round.
//   Holds if   after each round only the main thread's state is left, and the
//              resident memory at the end is within 2 % of what it was when a
//              tenth of the lives were over, not counting bundles of heaps that
//              were made since, of which there are no more than thread states
//              that may need one.
//   Exercises  thread states, merge table, QSBR slots, parked heap bundles,
//              counters of dead threads, stop-the-world.

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "absl/strings/str_format.h"
#include "runtime/runtime.h"
#include "stressd/host/oracles/process_usage.h"
#include "stressd/host/scenario/load_scale.h"
#include "stressd/host/scenarios/object_places.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

constexpr int64_t kOperationsPerBreath = 8;
constexpr size_t kObjectPlaces = 64;
// 10,000: below, the memory is still that of a start.
constexpr int64_t kWarmUpLives = 10'000;
// The bound of the growth: 2 % and 1 MiB, a few stacks' worth of pages.
constexpr int64_t kGrowthPercent = 2;
constexpr int64_t kGrowthBytes = 1 << 20;
// 64 KiB: a bundle of heaps with the few pages that the objects here touch. More
// bundles than at the baseline are no leak as long as their number is bounded:
// each stands for a moment at which more thread states had objects.
constexpr int64_t kBundleBytes = 64 << 10;

constexpr ParameterSpec kParameters[] = {
    IntParameter("threads", 4, 1, 256, "OS threads at a time.", ParameterCounts::kThreads),
    IntParameter("rounds", 10, 1, 100'000'000,
                 "How often all threads are started and joined; fewer under sanitizers."),
    IntParameter("lives", 4000, 1, 100'000'000,
                 "Thread states that the declared rounds make together."),
    IntParameter("bulk", 8, 1, 10'000, "Thread states made at a time, at most."),
    IntParameter("places", 32, 1, 10'000, "Places for fresh ones, and as many for used ones."),
};

class StateChurn final : public RoundScenario {
 public:
  explicit StateChurn(const Parameters& parameters)
      : RoundScenario(parameters, 2),
        lives_(parameters.GetInt("lives")),
        lives_per_round_(std::max<int64_t>(1, lives_ / parameters.GetInt("rounds"))),
        bulk_(parameters.GetInt("bulk")),
        fresh_(static_cast<size_t>(parameters.GetInt("places"))),
        used_(static_cast<size_t>(parameters.GetInt("places"))) {}

 private:
  using Places = std::vector<rt::Atomic<rt::ThreadState*>>;

  absl::Status Work(ScenarioContext& context, Worker& worker) override {
    rt::ScopedThreadState own(context.interpreter());
    if (!own) return NoMemory();
    // relaxed, here and below: a number that the threads together count up to.
    const int64_t target = (rounds_done() + 1) * lives_per_round_;
    for (int64_t i = 1; made_.load(std::memory_order_relaxed) < target; ++i) {
      absl::Status status = WorkOnce(context, *own, worker.prng);
      if (status.ok() && i % kOperationsPerBreath == 0) {
        context.progress().Count(kOperationsPerBreath);
        status = Breathe(*own, worker.prng, 64);
        if (status.ok() && context.ShouldStop()) break;
      }
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status WorkOnce(ScenarioContext& context, rt::ThreadState& own, Prng& prng) {
    switch (prng.Below(8)) {
      case 0:
        return MakeBulk(context, own, prng);
      case 1:
      case 2:
      case 3:
      case 4:
        return Bind(own, prng);
      case 5:
        ReadList(context);
        return absl::OkStatus();
      default:
        Delete(own, Swap(used_, prng.Next(), nullptr));
        return absl::OkStatus();
    }
  }

  static rt::ThreadState* Swap(Places& places, uint64_t index, rt::ThreadState* thread) {
    // (Z5) acq_rel exchange, synchronizes with the exchange (Z5) of another
    //      thread: who takes a thread state has it to itself, as it was left.
    return places[index % places.size()].exchange(thread, std::memory_order_acq_rel);
  }

  absl::Status MakeBulk(ScenarioContext& context, rt::ThreadState& own, Prng& prng) {
    for (int64_t i = prng.Between(1, bulk_); i > 0; --i) {
      rt::ThreadState* const made = rt::NewThreadState(context.interpreter());
      if (made == nullptr) return NoMemory();
      made_.fetch_add(1, std::memory_order_relaxed);
      if (rt::ThreadState* const unused = Swap(fresh_, prng.Next(), made)) {
        never_bound_.fetch_add(1, std::memory_order_relaxed);
        Delete(own, unused);
      }
    }
    return absl::OkStatus();
  }

  // Binds a thread state that another thread made, and uses it.
  absl::Status Bind(rt::ThreadState& own, Prng& prng) {
    rt::ThreadState* const fresh = Swap(fresh_, prng.Next(), nullptr);
    if (fresh == nullptr) return absl::OkStatus();
    rt::ScopedDetach detached(own);
    absl::Status status = WasShutDown();
    bool ended = false;
    if (rt::Attach(*fresh)) {
      bound_.fetch_add(1, std::memory_order_relaxed);
      status = Use(*fresh, prng);
      ended = prng.Chance(1, 4);
      if (ended) {
        Leave(*fresh);
      } else {
        rt::Detach(*fresh);
      }
    }
    if (!detached.End()) return WasShutDown();
    if (!ended) Delete(own, Swap(used_, prng.Next(), fresh));
    return status;
  }

  // Makes an object that outlives the thread state, and one that does not.
  absl::Status Use(rt::ThreadState& thread, Prng& prng) {
    rt::Number* const shared = rt::NumberNew(thread, 1);
    rt::List* const local = rt::ListNew(thread, 2);
    if (shared == nullptr || local == nullptr) return NoMemory();
    objects_.Put(thread, prng.Next(), rt::AsObject(shared));
    rt::SetLocalObject(thread, rt::AsObject(local));
    return absl::OkStatus();
  }

  // Clears and deletes `victim`, which nobody else has; null is ignored.
  static void Delete(rt::ThreadState& own, rt::ThreadState* victim) {
    if (victim == nullptr) return;
    rt::ClearThreadState(own, *victim);
    rt::DeleteThreadState(own, *victim);
    rt::ReleaseThreadState(victim);
  }

  void ReadList(ScenarioContext& context) {
    std::array<rt::ThreadReading, 16> readings;
    const size_t count = context.interpreter().ReadThreads(absl::MakeSpan(readings));
    for (size_t i = 0; i < std::min(count, readings.size()); ++i) {
      if (readings[i].id >= 2 && readings[i].status <= 4) continue;
      found().Add("thread-list", absl::StrFormat("a thread state has id %d and status %d",
                                                 readings[i].id, readings[i].status));
    }
  }

  absl::Status BeginRound(ScenarioContext& context) override {
    if (start_bundles_ < 0) start_bundles_ = BundlesCreated(context);
    return absl::OkStatus();
  }

  absl::Status EndRound(ScenarioContext& context) override {
    rt::ThreadState& main = context.main_thread();
    DropAll(context);
    const size_t left = context.interpreter().thread_state_count();
    if (left != 1) {
      found().Add("thread-list", absl::StrFormat("%d thread states are left after a round", left));
    }
    if (!context.interpreter().Quiesce(main)) return WasShutDown();
    const int64_t made = made_.load(std::memory_order_relaxed);
    resident_bytes_ = ResidentBytes();
    if (base_lives_ == 0 && made >= std::max(lives_ / 10, kWarmUpLives)) {
      base_lives_ = made;
      base_bytes_ = resident_bytes_;
      base_bundles_ = BundlesCreated(context);
    }
    return absl::OkStatus();
  }

  static int64_t BundlesCreated(const ScenarioContext& context) {
    rt::CounterTotals totals;
    context.interpreter().ReadCounters(&totals);
    return totals.Get(rt::Counter::kHeapBundlesCreated);
  }

  void DropAll(ScenarioContext& context) override {
    rt::ThreadState& main = context.main_thread();
    for (size_t i = 0; i < fresh_.size(); ++i) {
      Delete(main, Swap(fresh_, i, nullptr));
      Delete(main, Swap(used_, i, nullptr));
    }
    objects_.DropAll(main);
  }

  void Conclude(ScenarioContext& context) override {
    const int64_t made = made_.load(std::memory_order_relaxed);
    const int64_t bound = bound_.load(std::memory_order_relaxed);
    context.Measure("lives_count", made);
    context.Measure("bound_count", bound);
    context.Measure("never_bound_count", never_bound_.load(std::memory_order_relaxed));
    if (bound == 0) found().AddUnreached("no thread state was bound by another thread");
    if (never_bound_.load(std::memory_order_relaxed) == 0) {
      found().AddUnreached("no thread state was deleted that was never bound");
    }
    if (start_bundles_ < 0) return;
    const int64_t bundles = BundlesCreated(context);
    context.Measure("bundles_created_count", bundles);
    // Twice what can have objects at a moment: each worker's own thread state and
    // the one it binds, the used ones in their places, the main thread's. Twice,
    // since a collection takes parked bundles away for a moment.
    const int64_t bundle_bound = 2 * (2 * threads() + static_cast<int64_t>(used_.size()) + 1);
    if (bundles - start_bundles_ > bundle_bound) {
      found().Add("heap-bundles",
                  absl::StrFormat("%d bundles of heaps were made for at most %d at a time",
                                  bundles - start_bundles_, bundle_bound / 2));
    }
    if (base_bytes_ == 0) return;
    const int64_t growth = resident_bytes_ - base_bytes_;
    context.Measure("rss_tenth_bytes", base_bytes_);
    context.Measure("rss_end_bytes", resident_bytes_);
    context.Measure("rss_growth_percent", growth * 100 / base_bytes_);
    const int64_t allowed = base_bytes_ / 100 * kGrowthPercent + kGrowthBytes +
                            (bundles - base_bundles_) * kBundleBytes;
    if (kJudgesResidentMemory && growth > allowed) {
      found().Add("resident-memory",
                  absl::StrFormat("%d bytes are resident after %d lives and were %d after %d; the "
                                  "growth should be at most %d",
                                  resident_bytes_, made, base_bytes_, base_lives_, allowed));
    }
  }

  const int64_t lives_;
  const int64_t lives_per_round_;
  const int64_t bulk_;
  Places fresh_;
  Places used_;
  ObjectPlaces objects_{kObjectPlaces};
  int64_t base_lives_ = 0;
  int64_t base_bytes_ = 0;
  int64_t base_bundles_ = 0;
  int64_t start_bundles_ = -1;  // Negative: no round has begun.
  int64_t resident_bytes_ = 0;
  rt::Atomic<int64_t> made_{0};
  rt::Atomic<int64_t> bound_{0};
  rt::Atomic<int64_t> never_bound_{0};
};

}  // namespace

extern const ScenarioDeclaration kStateChurnDeclaration = {
    .name = "state-churn",
    .summary = "Thread states are made by one thread and bound, cleared and deleted by others.",
    .stresses =
        "creation in bulk, thread states that are never bound, binding on another thread than the "
        "creator's, foreign clear and delete, walks over the list of thread states meanwhile",
    .method =
        "`threads` threads share places for fresh and for used thread states. They make some in "
        "bulk, attach one that somebody else made, share an object it owns, leave it to others or "
        "end it themselves, clear and delete what they find, and read the list. `lives` thread "
        "states are made in all, `lives` / `rounds` in a round.",
    .holds_if =
        "after each round only the main thread's state is left, and the resident memory at the end "
        "is within 2 % of what it was when a tenth of the lives were over, not counting bundles of "
        "heaps that were made since, of which there are no more than thread states that may need "
        "one",
    .exercises =
        "thread states, merge table, QSBR slots, parked heap bundles, counters of dead threads, "
        "stop-the-world",
    .parameters = kParameters,
    .rounds_parameter = "rounds",
    .create = &CreateScenario<StateChurn>,
};

}  // namespace stressd::host
