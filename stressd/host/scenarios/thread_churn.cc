// Thread churn: threads start, attach, make and share objects, drop each
// other's, detach and exit, again and again.
//   Stresses   merge queues, abandoned heaps, reuse of QSBR slots and of memory
//              across threads.
//   Method     `rounds` rounds of `threads` OS threads; each thread lives
//              `lives` lives in a row, each with a thread state of its own, and
//              does about `operations` random operations in each. A part of what
//              it holds is left to the others when it exits.
//   Holds if   every number read is what was written, and every instance's
//              finalizer ran exactly once.
//   Exercises  biased reference counting, merge queues, QSBR slots, delayed
//              free, freelists, parked heap bundles, stop-the-world.

#include <algorithm>
#include <memory>

#include "absl/strings/str_format.h"
#include "runtime/runtime.h"
#include "stressd/host/scenario/load_scale.h"
#include "stressd/host/scenario/round_loop.h"
#include "stressd/host/scenario/scenario.h"
#include "stressd/host/scenarios/object_traffic.h"

namespace stressd::host {
namespace {

// 256: what a thread does between two looks at the stop flag.
constexpr int64_t kBatch = 256;

constexpr ParameterSpec kParameters[] = {
    IntParameter("threads", 4, 1, 256, "OS threads at a time.", ParameterCounts::kThreads),
    IntParameter("rounds", 40, 1, 100'000'000,
                 "How often all threads are started and joined; fewer under "
                 "sanitizers."),
    IntParameter("lives", 2, 1, 1000, "Thread states that each OS thread goes through per round."),
    IntParameter("operations", 800, 1, 10'000'000,
                 "Random operations per life; each life draws between half and "
                 "one and a half of it.",
                 ParameterCounts::kOperations),
    IntParameter("held", 64, 1, 100'000, "References a thread holds at most."),
    IntParameter("shared_lists", 4, 1, 1000, "Lists that all threads share."),
    IntParameter("hand_over_per_mille", 150, 0, 1000,
                 "Of 1000 operations, how many hand a reference to another "
                 "thread."),
    IntParameter("detach_per_mille", 10, 0, 1000,
                 "Of 1000 operations, how many detach and attach; together "
                 "with the others at most 1000."),
    IntParameter("stop_per_mille", 1, 0, 1000, "Of 1000 operations, how many stop the world."),
};

class ThreadChurn final : public Scenario {
 public:
  explicit ThreadChurn(const Parameters& parameters)
      : threads_(static_cast<int>(parameters.GetInt("threads"))),
        rounds_(ScaledLoad(parameters.GetInt("rounds"))),
        lives_(parameters.GetInt("lives")),
        operations_(parameters.GetInt("operations")) {
    shape_.held_limit = static_cast<int>(parameters.GetInt("held"));
    shape_.shared_list_count = static_cast<int>(parameters.GetInt("shared_lists"));
    shape_.hand_over_per_mille = static_cast<int>(parameters.GetInt("hand_over_per_mille"));
    shape_.detach_per_mille = static_cast<int>(parameters.GetInt("detach_per_mille"));
    shape_.stop_per_mille = static_cast<int>(parameters.GetInt("stop_per_mille"));
  }

  absl::Status SetUp(ScenarioContext&) override {
    traffic_ = std::make_unique<ObjectTraffic>(shape_);
    for (int i = 0; i < threads_; ++i) traffic_->NewHolder();
    return absl::OkStatus();
  }

  absl::Status Run(ScenarioContext& context) override {
    absl::Status status = traffic_->Create(context.main_thread());
    RoundLoop loop(context, context.prng(), rounds_);
    while (status.ok() && loop.Next()) {
      status =
          context.RunWorkers(threads_, [&](Worker& worker) { return LiveLives(context, worker); });
      // The main thread answers what the round's threads asked of it.
      if (status.ok() && !rt::SafePoint(context.main_thread())) {
        status = absl::AbortedError("the main thread state was shut down");
      }
      if (!status.ok()) break;
      ++rounds_done_;
    }
    traffic_->DropHeld(context.main_thread());
    traffic_->DropShared(context.main_thread());
    context.Measure("rounds_count", rounds_done_);
    context.Measure("instances_count", traffic_->instances_made());
    return status;
  }

  void Check(const ScenarioContext&, ViolationList& out) const override {
    traffic_->Judge(out);
    if (rounds_done_ == 0) out.AddUnreached("no round was completed");
  }

 private:
  // What one OS thread of a round does.
  absl::Status LiveLives(ScenarioContext& context, Worker& worker) {
    ObjectTraffic::Holder& holder = traffic_->holder(static_cast<size_t>(worker.index));
    for (int64_t life = 0; life < lives_; ++life) {
      rt::ScopedThreadState thread(context.interpreter());
      if (!thread) {
        return absl::ResourceExhaustedError("no thread state could be made");
      }
      int64_t left =
          worker.prng.Between(std::max<int64_t>(1, operations_ / 2), operations_ + operations_ / 2);
      while (left > 0) {
        const int64_t batch = std::min(left, kBatch);
        const absl::Status status = traffic_->Work(*thread, holder, worker.prng, batch);
        if (!status.ok()) return status;
        context.progress().Count(static_cast<uint64_t>(batch));
        left -= batch;
      }
      // Half of the lives leave what they hold to the next life in this place:
      // objects whose owner is gone.
      if (worker.prng.Chance(1, 2)) traffic_->Drop(*thread, holder);
      if (context.ShouldStop()) break;
    }
    return absl::OkStatus();
  }

  const int threads_;
  const int64_t rounds_;
  const int64_t lives_;
  const int64_t operations_;
  ObjectTraffic::Shape shape_;
  std::unique_ptr<ObjectTraffic> traffic_;
  int64_t rounds_done_ = 0;
};

}  // namespace

extern const ScenarioDeclaration kThreadChurnDeclaration = {
    .name = "thread-churn",
    .summary =
        "Threads start, attach, make and share objects, drop each "
        "other's, detach and exit, again and again.",
    .stresses =
        "merge queues, abandoned heaps, reuse of QSBR slots and of "
        "memory across threads",
    .method =
        "`rounds` rounds of `threads` OS threads; each thread lives "
        "`lives` lives in a row, each with a thread state of its own, "
        "and does about `operations` random operations in each. A part "
        "of what it holds is left to the others when it exits.",
    .holds_if =
        "every number read is what was written, and every instance's "
        "finalizer ran exactly once",
    .exercises =
        "biased reference counting, merge queues, QSBR slots, delayed "
        "free, freelists, parked heap bundles, stop-the-world",
    .parameters = kParameters,
    .rounds_parameter = "rounds",
    .create = &CreateScenario<ThreadChurn>,
};

}  // namespace stressd::host
