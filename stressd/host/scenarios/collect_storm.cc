// Collect storm: threads make cyclic garbage, weak references and finalizers that
// save their object; one thread collects without a pause.
//   Stresses   the cycle collector between its pauses, the heap walk over threads
//              that come and go, weak references of dying objects, finalizers.
//   Method     `rounds` rounds of `threads` OS threads and one that collects. Each
//              thread makes `rings` rings of up to eight instances, some of them
//              through a ring of another thread, refers to some weakly, reads those
//              while the rings are dropped, and has a life's worth of thread states
//              in between. Some finalizers put their instance into a shared list,
//              from where the end of the round drops it. Then everything that was
//              made must be collected.
//   Holds if   every instance was finalized exactly once and destroyed, every weak
//              reference that was kept lost its referent and was called back once,
//              and what is read through one is what was written.
//   Exercises  collection, weak references, finalizers, resurrection, tracking,
//              parked heap bundles, stop-the-world, merge queues.

#include <cstddef>
#include <cstdint>

#include "runtime/base/atomic.h"
#include "runtime/runtime.h"
#include "stressd/host/scenario/load_scale.h"
#include "stressd/host/scenario/round_loop.h"
#include "stressd/host/scenario/scenario.h"
#include "stressd/host/scenarios/ring_traffic.h"

namespace stressd::host {
namespace {

// 16: rings between two safe points.
constexpr int64_t kRingsPerSafePoint = 16;

constexpr ParameterSpec kParameters[] = {
    IntParameter("threads", 4, 1, 256, "OS threads that make garbage; one more collects.",
                 ParameterCounts::kThreads),
    IntParameter("rounds", 12, 1, 100'000'000,
                 "How often all threads are started and joined; fewer under sanitizers."),
    IntParameter("rings", 150, 1, 1'000'000, "Rings that each thread makes per round."),
    IntParameter("shared_per_mille", 200, 0, 1000,
                 "Of 1000 rings, how many go through another thread's."),
    IntParameter("weak_per_mille", 500, 0, 1000,
                 "Of 1000 rings, how many are referred to weakly, with a callback."),
    IntParameter("save_per_mille", 100, 0, 1000,
                 "Of 1000 instances, how many are saved by their finalizer."),
    IntParameter("life_per_mille", 5, 0, 1000,
                 "Of 1000 rings, after how many the thread takes a new thread state."),
    IntParameter("threshold", 700, 0, 1'000'000'000,
                 "Objects after which a collection begins by itself; 0: never."),
};

class CollectStorm final : public Scenario {
 public:
  explicit CollectStorm(const Parameters& parameters)
      : threads_(static_cast<int>(parameters.GetInt("threads"))),
        rounds_(ScaledLoad(parameters.GetInt("rounds"))),
        rings_(ScaledLoad(parameters.GetInt("rings"))),
        life_per_mille_(static_cast<uint64_t>(parameters.GetInt("life_per_mille"))),
        threshold_(parameters.GetInt("threshold")),
        traffic_(
            {.worker_count = static_cast<size_t>(threads_),
             .number_limit = static_cast<size_t>(threads_ * rings_ * RingTraffic::kLongestRing),
             .shared_per_mille = static_cast<uint64_t>(parameters.GetInt("shared_per_mille")),
             .weak_per_mille = static_cast<uint64_t>(parameters.GetInt("weak_per_mille")),
             .save_per_mille = static_cast<uint64_t>(parameters.GetInt("save_per_mille"))}) {}

  absl::Status SetUp(ScenarioContext&) override { return absl::OkStatus(); }

  absl::Status Run(ScenarioContext& context) override {
    rt::ThreadState& main = context.main_thread();
    const int64_t threshold = rt::ReadCollection(context.interpreter()).threshold;
    rt::SetCollectThreshold(context.interpreter(), threshold_);
    absl::Status status = traffic_.Create(main);
    RoundLoop loop(context, context.prng(), rounds_);
    while (status.ok() && loop.Next()) {
      makers_left_.store(threads_, std::memory_order_relaxed);
      status = context.RunWorkers(threads_ + 1, [&](Worker& worker) {
        return worker.index == threads_ ? CollectAllTheTime(context) : MakeGarbage(context, worker);
      });
      const absl::Status ended = EndRound(main);
      if (status.ok()) status = ended;
      if (status.ok()) ++rounds_done_;
    }
    traffic_.Drop(main);
    rt::SetCollectThreshold(context.interpreter(), threshold);
    context.Measure("rounds_count", rounds_done_);
    context.Measure("instances_count", traffic_.made_count());
    context.Measure("collections_count", collections_.load(std::memory_order_relaxed));
    context.Measure("refused_collections_count", refused_.load(std::memory_order_relaxed));
    context.Measure("collected_count", collected_.load(std::memory_order_relaxed));
    context.Measure("saved_count", traffic_.saved_count());
    return status;
  }

  void Check(const ScenarioContext&, ViolationList& out) const override {
    traffic_.Judge(out);
    if (rounds_done_ == 0) out.AddUnreached("no round was completed");
    if (collected_.load(std::memory_order_relaxed) == 0) out.AddUnreached("nothing was collected");
  }

 private:
  static absl::Status NoMemory() { return absl::ResourceExhaustedError("no memory for objects"); }
  static absl::Status WasShutDown() { return absl::AbortedError("the thread state was shut down"); }

  absl::Status CollectAllTheTime(ScenarioContext& context) {
    rt::ScopedThreadState thread(context.interpreter());
    if (!thread) return absl::ResourceExhaustedError("no thread state could be made");
    // relaxed: the last look decides nothing; the threads are joined.
    while (makers_left_.load(std::memory_order_relaxed) != 0) {
      const absl::Status status = CollectOnce(*thread);
      if (!status.ok()) return status;
      context.progress().Count(1);
      if (!rt::SafePoint(*thread)) return WasShutDown();
    }
    return absl::OkStatus();
  }

  absl::Status CollectOnce(rt::ThreadState& thread, int64_t* unreachable_count = nullptr) {
    const rt::CollectResult result = rt::Collect(thread);
    if (result.status == rt::CollectStatus::kShutDown) return WasShutDown();
    // relaxed, all: statistics.
    auto& count = result.status == rt::CollectStatus::kDone ? collections_ : refused_;
    count.fetch_add(1, std::memory_order_relaxed);
    collected_.fetch_add(result.collected_count, std::memory_order_relaxed);
    if (unreachable_count != nullptr) *unreachable_count = result.unreachable_count;
    return absl::OkStatus();
  }

  absl::Status MakeGarbage(ScenarioContext& context, Worker& worker) {
    const auto index = static_cast<size_t>(worker.index);
    int64_t left = rings_;
    absl::Status status = absl::OkStatus();
    while (status.ok() && left > 0 && !context.ShouldStop()) {
      rt::ScopedThreadState thread(context.interpreter());
      if (!thread) {
        status = absl::ResourceExhaustedError("no thread state could be made");
        break;
      }
      do {
        status = traffic_.MakeRing(*thread, index, worker.prng);
        context.progress().Count(1);
        if (--left % kRingsPerSafePoint != 0) continue;
        // In this order: who waited out a pause looks while the garbage is taken apart.
        if (!rt::SafePoint(*thread)) status = WasShutDown();
        if (status.ok()) traffic_.ReadSome(*thread, index, worker.prng);
      } while (status.ok() && left > 0 && !worker.prng.Chance(life_per_mille_, 1000));
    }
    // relaxed: see CollectAllTheTime().
    makers_left_.fetch_sub(1, std::memory_order_relaxed);
    return status;
  }

  // Everything that was made is dropped now: collects it and counts.
  absl::Status EndRound(rt::ThreadState& main) {
    if (!rt::SafePoint(main)) return WasShutDown();
    traffic_.DropShared(main);
    // What finalizers have saved may lead to rings that are not finalized yet, and
    // those may save more; an instance is saved once.
    int64_t unreachable_count = 0;
    do {
      traffic_.DropSaved(main);
      const absl::Status status = CollectOnce(main, &unreachable_count);
      if (!status.ok()) return status;
    } while (unreachable_count != 0 || traffic_.HasSaved());
    traffic_.Settle(main);
    return absl::OkStatus();
  }

  const int threads_;
  const int64_t rounds_;
  const int64_t rings_;
  const uint64_t life_per_mille_;
  const int64_t threshold_;

  RingTraffic traffic_;
  rt::Atomic<int64_t> makers_left_{0};
  rt::Atomic<int64_t> collections_{0};
  rt::Atomic<int64_t> refused_{0};
  rt::Atomic<int64_t> collected_{0};
  int64_t rounds_done_ = 0;
};

}  // namespace

extern const ScenarioDeclaration kCollectStormDeclaration = {
    .name = "collect-storm",
    .summary =
        "Threads make cyclic garbage, weak references and finalizers that save their "
        "object; one thread collects without a pause.",
    .stresses =
        "the cycle collector between its pauses, the heap walk over threads that come "
        "and go, weak references of dying objects, finalizers",
    .method =
        "`rounds` rounds of `threads` OS threads and one that collects. Each thread makes "
        "`rings` rings of up to eight instances, some of them through a ring of another "
        "thread, refers to some weakly, reads those while the rings are dropped, and has a "
        "life's worth of thread states in between. Some finalizers put their instance into a "
        "shared list, from where the end of the round drops it. Then everything that was made "
        "must be collected.",
    .holds_if =
        "every instance was finalized exactly once and destroyed, every weak reference that "
        "was kept lost its referent and was called back once, and what is read through one is "
        "what was written",
    .exercises =
        "collection, weak references, finalizers, resurrection, tracking, parked heap "
        "bundles, stop-the-world, merge queues",
    .parameters = kParameters,
    .rounds_parameter = "rounds",
    .create = &CreateScenario<CollectStorm>,
};

}  // namespace stressd::host
