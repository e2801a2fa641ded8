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
#include <cstdint>

#include "absl/strings/str_format.h"
#include "runtime/runtime.h"
#include "stressd/host/oracles/process_usage.h"
#include "stressd/host/scenario/load_scale.h"
#include "stressd/host/scenarios/round_scenario.h"
#include "stressd/host/scenarios/state_traffic.h"

namespace stressd::host {
namespace {

constexpr int64_t kOperationsPerBreath = 8;
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
        place_count_(parameters.GetInt("places")),
        traffic_(static_cast<size_t>(place_count_), parameters.GetInt("bulk")) {}

 private:
  absl::Status Work(ScenarioContext& context, Worker& worker) override {
    rt::ScopedThreadState own(context.interpreter());
    if (!own) return NoMemory();
    // The threads together count up to it.
    const int64_t target = (rounds_done() + 1) * lives_per_round_;
    for (int64_t i = 1; traffic_.made_count() < target; ++i) {
      absl::Status status = traffic_.WorkOnce(context, *own, worker.prng);
      if (status.ok() && i % kOperationsPerBreath == 0) {
        context.progress().Count(kOperationsPerBreath);
        status = Breathe(*own, worker.prng, 64);
        if (status.ok() && context.ShouldStop()) break;
      }
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status BeginRound(ScenarioContext& context) override {
    if (start_bundles_ < 0) start_bundles_ = BundlesCreated(context);
    return traffic_.Create(context);
  }

  absl::Status EndRound(ScenarioContext& context) override {
    rt::ThreadState& main = context.main_thread();
    DropAll(context);
    const size_t left = context.interpreter().thread_state_count();
    if (left != 1) {
      found().Add("thread-list", absl::StrFormat("%d thread states are left after a round", left));
    }
    if (!context.interpreter().Quiesce(main)) return WasShutDown();
    const int64_t made = traffic_.made_count();
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

  void DropAll(ScenarioContext& context) override { traffic_.DropAll(context); }

  void Conclude(ScenarioContext& context) override {
    traffic_.Judge(found());
    const int64_t made = traffic_.made_count();
    const int64_t bound = traffic_.bound_count();
    context.Measure("lives_count", made);
    context.Measure("bound_count", bound);
    context.Measure("never_bound_count", traffic_.never_bound_count());
    if (bound == 0) found().AddUnreached("no thread state was bound by another thread");
    if (traffic_.never_bound_count() == 0) {
      found().AddUnreached("no thread state was deleted that was never bound");
    }
    JudgeMemory(context);
  }

  void JudgeMemory(ScenarioContext& context) {
    if (start_bundles_ < 0) return;
    const int64_t bundles = BundlesCreated(context);
    context.Measure("bundles_created_count", bundles);
    // Twice what can have objects at a moment: each worker's own thread state and
    // the one it binds, the used ones in their places, the main thread's. Twice,
    // since a collection takes parked bundles away for a moment.
    const int64_t bundle_bound = 2 * (2 * threads() + place_count_ + 1);
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
                                  resident_bytes_, traffic_.made_count(), base_bytes_, base_lives_,
                                  allowed));
    }
  }

  const int64_t lives_;
  const int64_t lives_per_round_;
  const int64_t place_count_;
  StateTraffic traffic_;
  int64_t base_lives_ = 0;
  int64_t base_bytes_ = 0;
  int64_t base_bundles_ = 0;
  int64_t start_bundles_ = -1;  // Negative: no round has begun.
  int64_t resident_bytes_ = 0;
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
