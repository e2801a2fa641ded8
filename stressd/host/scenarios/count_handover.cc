// Count handover: counts that two threads change at once, and owners that are
// away.
//   Stresses   owner and foreign increments, decrements and merges of one object,
//              queues of owners that are detached, owners that exit with a full
//              queue, destructors that queue more.
//   Method     `threads` threads live `lives` lives each; in a life they keep one
//              reference to what they make and give another away, drop and count
//              what others gave, and merge what they share explicitly. Every
//              fourth thread blocks detached until others have dropped more. At
//              the end of a life everything is given away and the owner leaves.
//   Holds if   every number read is what was written and every instance's
//              finalizer ran exactly once.
//   Exercises  biased reference counting, merge queues, explicit merge, exit of
//              owners, finalizers, stop-the-world.

#include <algorithm>
#include <cstdint>

#include "runtime/object/merge_queue.h"
#include "runtime/object/object_space.h"
#include "runtime/runtime.h"
#include "stressd/host/scenarios/count_traffic.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

constexpr int64_t kOperationsPerBreath = 16;
// 4: most threads work while some block.
constexpr int kBlockingOneIn = 4;

constexpr ParameterSpec kParameters[] = {
    IntParameter("threads", 4, 2, 256, "OS threads at a time.", ParameterCounts::kThreads),
    IntParameter("rounds", 6, 1, 100'000'000,
                 "How often all threads are started and joined; fewer under sanitizers."),
    IntParameter("lives", 6, 1, 1'000'000, "Thread states per OS thread and round."),
    IntParameter("operations", 500, 1, 10'000'000, "Random operations per life.",
                 ParameterCounts::kOperations),
    IntParameter("held", 48, 1, 100'000, "Own objects a thread keeps at most."),
    IntParameter("places", 64, 1, 100'000, "Places through which references are given away."),
    IntParameter("block_per_mille", 4, 0, 1000,
                 "Of 1000 operations of a thread that blocks, how many block."),
};

class CountHandover final : public RoundScenario {
 public:
  explicit CountHandover(const Parameters& parameters)
      : RoundScenario(parameters, 2),
        lives_(parameters.GetInt("lives")),
        operations_(parameters.GetInt("operations")),
        block_per_mille_(static_cast<uint64_t>(parameters.GetInt("block_per_mille"))),
        traffic_(static_cast<size_t>(parameters.GetInt("places")),
                 static_cast<size_t>(parameters.GetInt("held")), 0) {
    Require(rt::Counter::kObjectsQueued, "no object was queued for its owner");
    Require(rt::Counter::kObjectsMergedFromQueue, "no owner merged its queue");
    Require(rt::Counter::kObjectsMergedForeign, "no object of an owner that had left was merged");
    Require(rt::Counter::kExplicitMerges, "no object was merged explicitly");
    if (block_per_mille_ == 0) return;
    Require(rt::Counter::kObjectsMergedForDetached, "no object of a blocked owner was merged");
  }

 private:
  absl::Status BeginRound(ScenarioContext& context) override {
    const absl::Status status = traffic_.Create(context);
    return status.ok() && block_per_mille_ != 0 ? DropOfTheBlocked(context) : status;
  }

  // Merges on behalf of a detached owner once, before anybody works: whether the threads do
  // it too is up to the machine.
  static absl::Status DropOfTheBlocked(ScenarioContext& context) {
    rt::ThreadState& main = context.main_thread();
    rt::ThreadState* const owner = rt::NewThreadState(context.interpreter());
    if (owner == nullptr) return NoMemory();
    rt::Number* number = nullptr;
    rt::ScopedDetach detached(main);
    const bool attached = rt::Attach(*owner);
    if (attached) {
      number = rt::NumberNew(*owner, 1);
      rt::Detach(*owner);
    }
    if (!detached.End() || !attached) return WasShutDown();
    if (number != nullptr) rt::Decref(main, rt::AsObject(number));
    rt::ClearThreadState(main, *owner);
    rt::DeleteThreadState(main, *owner);
    rt::ReleaseThreadState(owner);
    return number != nullptr ? absl::OkStatus() : NoMemory();
  }

  absl::Status Work(ScenarioContext& context, Worker& worker) override {
    for (int64_t life = 0; life < lives_; ++life) {
      const absl::Status status = Live(context, worker);
      if (!status.ok()) return status;
      if (context.ShouldStop()) break;
    }
    return absl::OkStatus();
  }

  absl::Status Live(ScenarioContext& context, Worker& worker) {
    rt::ScopedThreadState thread(context.interpreter());
    if (!thread) return NoMemory();
    Held held;
    absl::Status status;
    for (int64_t i = 1; status.ok() && i <= operations_; ++i) {
      if (!traffic_.WorkOnce(*thread, held, worker.prng)) status = NoMemory();
      const bool blocks = worker.index % kBlockingOneIn == 0;
      if (status.ok() && blocks && worker.prng.Below(1000) < block_per_mille_) {
        status = traffic_.Block(*thread);
      }
      if (!status.ok() || i % kOperationsPerBreath != 0) continue;
      context.progress().Count(kOperationsPerBreath);
      status =
          worker.prng.Chance(1, 32) ? MeasureQueues(*thread) : Breathe(*thread, worker.prng, 64);
      if (context.ShouldStop()) break;
    }
    if (absl::IsAborted(status)) return status;
    // No safe point from here on: what others queue meanwhile is for the exit.
    traffic_.GiveAway(*thread, held, worker.prng);
    return status;
  }

  absl::Status MeasureQueues(rt::ThreadState& thread) {
    if (!rt::StopTheWorld(thread, rt::StopScope::kInterpreter)) return WasShutDown();
    queued_peak_ = std::max(queued_peak_,
                            static_cast<int64_t>(rt::QueuedObjectCountWorldStopped(*thread.space)));
    rt::StartTheWorld(thread);
    return absl::OkStatus();
  }

  void DropAll(ScenarioContext& context) override { traffic_.DropAll(context); }

  void Conclude(ScenarioContext& context) override {
    traffic_.Judge(found());
    context.Measure("queued_peak_count", queued_peak_);
  }

  const int64_t lives_;
  const int64_t operations_;
  const uint64_t block_per_mille_;
  CountTraffic traffic_;
  int64_t queued_peak_ = 0;  // Written in stops only.
};

}  // namespace

extern const ScenarioDeclaration kCountHandoverDeclaration = {
    .name = "count-handover",
    .summary = "Owners and others change the same counts, also while the owner is away.",
    .stresses =
        "owner and foreign increments, decrements and merges of one object, queues of owners that "
        "are detached, owners that exit with a full queue, destructors that queue more",
    .method =
        "`threads` threads live `lives` lives each; in a life they keep one reference to what they "
        "make and give another away, drop and count what others gave, and merge what they share "
        "explicitly. Every fourth thread blocks detached until others have dropped more. At the "
        "end of a life everything is given away and the owner leaves.",
    .holds_if =
        "every number read is what was written and every instance's finalizer ran exactly once",
    .exercises =
        "biased reference counting, merge queues, explicit merge, exit of owners, finalizers, "
        "stop-the-world",
    .parameters = kParameters,
    .rounds_parameter = "rounds",
    .create = &CreateScenario<CountHandover>,
};

}  // namespace stressd::host
