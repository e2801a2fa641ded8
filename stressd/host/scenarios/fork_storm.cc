// Fork storm: a threaded runtime forks again and again while threads work; each
// child repairs the runtime, uses it, and judges its own balance.
//   Stresses   fork handling, mutexes and queues at arbitrary moments, what dead
//              threads leave to the child.
//   Method     `threads` threads pass objects around without end while `forkers`
//              threads fork `forks` times each. A child works, starts
//              `child_threads` threads, drops everything that the dead threads
//              held, comes to rest and compares itself with the start of the
//              run. Its verdict is collected with pid and wait status; a child
//              that hangs is killed after `child_deadline`.
//   Holds if   every child ends by itself with its reference total, heaps, queues
//              and slots exactly back at the start; every value read is right and
//              every finalizer ran once, in parent and children.
//   Exercises  fork, stop-the-world of the whole runtime, clearing of foreign
//              thread states, merge queues, delayed free, parked heap bundles.

#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "absl/strings/str_format.h"
#include "runtime/base/atomic.h"
#include "runtime/runtime.h"
#include "stressd/host/oracles/observation.h"
#include "stressd/host/oracles/oracle.h"
#include "stressd/host/scenario/load_scale.h"
#include "stressd/host/scenario/round_loop.h"
#include "stressd/host/scenario/scenario.h"
#include "stressd/host/scenarios/child_process.h"
#include "stressd/host/scenarios/object_traffic.h"

namespace stressd::host {
namespace {

// 128: what a thread does between two looks at the stop flag.
constexpr int64_t kBatch = 128;

// 4: fewer forks than that meet hardly any of the moments that matter.
constexpr int64_t kForksMin = 4;

constexpr ParameterSpec kParameters[] = {
    IntParameter("threads", 3, 0, 256, "Threads that work while others fork.",
                 ParameterCounts::kThreads),
    IntParameter("forkers", 1, 1, 64, "Threads that fork.", ParameterCounts::kThreads),
    IntParameter("forks", 24, 1, 100'000'000,
                 "Forks of each of them; above 4, fewer under sanitizers."),
    IntParameter("operations", 200, 0, 1'000'000, "Random operations before each fork, at most.",
                 ParameterCounts::kOperations),
    IntParameter("child_operations", 200, 0, 1'000'000'000,
                 "Random operations in each thread of a child.", ParameterCounts::kOperations),
    IntParameter("child_threads", 1, 0, 64, "Threads that a child starts.",
                 ParameterCounts::kThreads),
    IntParameter("held", 64, 1, 100'000, "References a thread holds at most."),
    DurationParameter("child_deadline", absl::Seconds(10), absl::Milliseconds(100),
                      absl::Minutes(10), "How long a child may take; longer under sanitizers."),
};

class ForkStorm final : public Scenario {
 public:
  explicit ForkStorm(const Parameters& parameters)
      : threads_(static_cast<int>(parameters.GetInt("threads"))),
        forkers_(static_cast<int>(parameters.GetInt("forkers"))),
        forks_(ScaledLoad(parameters.GetInt("forks"), kForksMin)),
        operations_(parameters.GetInt("operations")),
        child_operations_(parameters.GetInt("child_operations")),
        child_threads_(static_cast<int>(parameters.GetInt("child_threads"))),
        child_deadline_(parameters.GetDuration("child_deadline") * kPatienceFactor) {
    shape_.held_limit = static_cast<int>(parameters.GetInt("held"));
  }

  absl::Status SetUp(ScenarioContext& context) override {
    traffic_ = std::make_unique<ObjectTraffic>(shape_);
    // The last ones are for the main threads of the children.
    for (int i = 0; i < threads_ + 2 * forkers_; ++i) traffic_->NewHolder();
    for (int i = 0; i < child_threads_; ++i) traffic_->NewHolder();
    auto observation = Observe(context.interpreter(), context.main_thread());
    if (!observation.ok()) return observation.status();
    start_ = *std::move(observation);
    return absl::OkStatus();
  }

  absl::Status Run(ScenarioContext& context) override {
    absl::Status status = traffic_->Create(context.main_thread());
    // relaxed: ordered by the start of the threads.
    forkers_left_.store(forkers_, std::memory_order_relaxed);
    if (status.ok()) {
      status = context.RunWorkers(forkers_ + threads_, [&](Worker& worker) {
        return worker.index < forkers_ ? ForkAgainAndAgain(context, worker)
                                       : KeepBusy(context, worker);
      });
    }
    traffic_->DropHeld(context.main_thread());
    traffic_->DropShared(context.main_thread());
    // relaxed: all threads have been joined.
    context.Measure("forks_count", forks_done_.load(std::memory_order_relaxed));
    return status;
  }

  void Check(const ScenarioContext&, ViolationList& out) const override {
    out.Append(found_);
    traffic_->Judge(out);
    // relaxed: all threads have been joined.
    if (forks_done_.load(std::memory_order_relaxed) == 0) {
      out.AddUnreached("no fork was done");
    }
  }

 private:
  // Works until no thread forks any more, with a new thread state now and then.
  absl::Status KeepBusy(ScenarioContext& context, Worker& worker) {
    ObjectTraffic::Holder& holder = traffic_->holder(static_cast<size_t>(worker.index));
    while (!IsOver(context)) {
      rt::ScopedThreadState thread(context.interpreter());
      if (!thread) {
        return absl::ResourceExhaustedError("no thread state could be made");
      }
      for (int64_t i = worker.prng.Between(1, 20); i > 0; --i) {
        const absl::Status status = traffic_->Work(*thread, holder, worker.prng, kBatch);
        if (!status.ok()) return status;
        context.progress().Count(kBatch);
        if (IsOver(context)) break;
      }
    }
    return absl::OkStatus();
  }

  absl::Status ForkAgainAndAgain(ScenarioContext& context, Worker& worker) {
    absl::Status status;
    {
      rt::ScopedThreadState thread(context.interpreter());
      if (!thread) {
        status = absl::ResourceExhaustedError("no thread state could be made");
      }
      RoundLoop loop(context, worker.prng, forks_);
      while (status.ok() && loop.Next()) status = ForkOnce(context, *thread, worker);
    }
    // relaxed: the others need not see anything but the number.
    forkers_left_.fetch_sub(1, std::memory_order_relaxed);
    return status;
  }

  absl::Status ForkOnce(ScenarioContext& context, rt::ThreadState& thread, Worker& worker) {
    ObjectTraffic::Holder& holder = traffic_->holder(static_cast<size_t>(worker.index));
    absl::Status status = traffic_->Work(
        thread, holder, worker.prng, operations_ == 0 ? 0 : worker.prng.Between(0, operations_));
    if (!status.ok()) return status;
    auto channel = ChildChannel::Make();
    if (!channel.ok()) return channel.status();
    const uint64_t child_seed = worker.prng.Next();
    const pid_t parent = getpid();
    const pid_t child = rt::Fork(thread);
    if (child == 0) {
      DieWithHost(parent);
      BeChild(context, thread, worker.index, child_seed, *channel);
    }
    if (child < 0) {
      return absl::ResourceExhaustedError(absl::StrFormat("fork failed: %s", strerror(errno)));
    }
    rt::ScopedDetach detached(thread);
    status = CollectChild(
        child, *channel, child_deadline_, [&context] { context.progress().Heartbeat(); }, found_);
    context.progress().Count(1);
    // relaxed: a statistic, read when all threads have been joined.
    forks_done_.fetch_add(1, std::memory_order_relaxed);
    if (!detached.End()) {
      return absl::AbortedError("the thread state was shut down");
    }
    return status;
  }

  // The whole life of a child. `thread` is its only thread state.
  [[noreturn]] void BeChild(const ScenarioContext& parent_context, rt::ThreadState& thread,
                            int forker, uint64_t seed, ChildChannel& channel) {
    ScenarioContext context({.runtime = &parent_context.runtime(),
                             .interpreter = &parent_context.interpreter(),
                             .main_thread = &thread,
                             .seed = seed});
    ViolationList found;
    absl::Status status = UseRuntime(context, forker);
    // What the dead threads held, and what all of them shared.
    traffic_->DropHeld(thread);
    traffic_->DropShared(thread);
    if (status.ok()) {
      const auto end = Observe(context.interpreter(), thread);
      if (end.ok()) {
        JudgeAll(start_, *end, JudgeScope::kRuntimeOnly, "in a forked child", found);
        traffic_->Judge(found);
      }
      status = end.status();
    }
    if (!status.ok()) channel.Exit(kChildError, status.ToString());
    ExitWithViolations(channel, found);
  }

  // Works in the child, alone and with threads of its own.
  absl::Status UseRuntime(ScenarioContext& context, int forker) {
    ObjectTraffic::Holder& own =
        traffic_->holder(static_cast<size_t>(forkers_ + threads_ + forker));
    absl::Status status =
        traffic_->Work(context.main_thread(), own, context.prng(), child_operations_);
    if (!status.ok() || child_threads_ == 0) return status;
    return context.RunWorkers(child_threads_, [&](Worker& worker) {
      rt::ScopedThreadState thread(context.interpreter());
      if (!thread) {
        return absl::ResourceExhaustedError("no thread state in the child");
      }
      ObjectTraffic::Holder& holder =
          traffic_->holder(static_cast<size_t>(threads_ + 2 * forkers_ + worker.index));
      const absl::Status work = traffic_->Work(*thread, holder, worker.prng, child_operations_);
      // Every other thread of a child leaves what it holds, as in the parent.
      if (work.ok() && worker.prng.Chance(1, 2)) traffic_->Drop(*thread, holder);
      return work;
    });
  }

  bool IsOver(const ScenarioContext& context) const {
    // relaxed: only the number counts.
    return forkers_left_.load(std::memory_order_relaxed) == 0 || context.ShouldStop();
  }

  const int threads_;
  const int forkers_;
  const int64_t forks_;
  const int64_t operations_;
  const int64_t child_operations_;
  const int child_threads_;
  const absl::Duration child_deadline_;
  ObjectTraffic::Shape shape_;
  std::unique_ptr<ObjectTraffic> traffic_;
  Observation start_;
  ViolationList found_;
  rt::Atomic<int> forkers_left_{0};
  rt::Atomic<int64_t> forks_done_{0};
};

}  // namespace

extern const ScenarioDeclaration kForkStormDeclaration = {
    .name = "fork-storm",
    .summary =
        "A threaded runtime forks again and again while threads work; "
        "each child repairs the runtime, uses it and judges its own "
        "balance.",
    .stresses =
        "fork handling, mutexes and queues at arbitrary moments, what "
        "dead threads leave to the child",
    .method =
        "`threads` threads pass objects around without end while "
        "`forkers` threads fork `forks` times each. A child works, "
        "starts `child_threads` threads, drops everything that the dead "
        "threads held, comes to rest and compares itself with the start "
        "of the run. Its verdict is collected with pid and wait status; "
        "a child that hangs is killed after `child_deadline`.",
    .holds_if =
        "every child ends by itself with its reference total, heaps, "
        "queues and slots exactly back at the start; every value read "
        "is right and every finalizer ran once, in parent and children",
    .exercises =
        "fork, stop-the-world of the whole runtime, clearing of "
        "foreign thread states, merge queues, delayed free, parked "
        "heap bundles",
    .parameters = kParameters,
    .rounds_parameter = "forks",
    .create = &CreateScenario<ForkStorm>,
};

}  // namespace stressd::host
