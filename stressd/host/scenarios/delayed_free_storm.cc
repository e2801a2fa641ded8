// Delayed free storm: threads that live just long enough to delay one free.
//   Stresses   the interpreter's queue of delayed frees, limits in bytes, blocks
//              and objects whose release delays more.
//   Method     `threads` threads each live `lives` lives in a round. A life delays
//              one free: of a small block, of a big one, or of an object whose
//              finalizer delays more. After each round the main thread, alone,
//              delays `alone` big blocks with a safe point after each.
//   Holds if   the first safe point of the main thread after a round frees all
//              that the threads of the round left behind, and what waits of a
//              thread that is alone stays within the limit in bytes and two big
//              blocks.
//   Exercises  delayed free, QSBR goals, re-entrant destructors, short-lived
//              thread states, stop-the-world.

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_format.h"
#include "runtime/runtime.h"
#include "stressd/host/scenarios/delayed_chain.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

constexpr int64_t kSmallBytes = 1024;
// 3: a finalizer delays a block and an instance, whose finalizer does it again.
constexpr int64_t kNestingDepth = 3;
// 16: one life in so many stops the world.
constexpr uint64_t kLivesPerPause = 16;

constexpr ParameterSpec kParameters[] = {
    IntParameter("threads", 4, 1, 256, "OS threads at a time.", ParameterCounts::kThreads),
    IntParameter("rounds", 8, 1, 100'000'000,
                 "How often all threads are started and joined; fewer under sanitizers."),
    IntParameter("lives", 60, 1, 10'000'000, "Thread states per OS thread and round."),
    IntParameter("big_bytes", 1 << 20, 1, 1 << 28, "Bytes of a big block.",
                 ParameterCounts::kBytes),
    IntParameter("alone", 12, 0, 100'000, "Big blocks that the main thread delays after a round."),
};

class DelayedFreeStorm final : public RoundScenario {
 public:
  explicit DelayedFreeStorm(const Parameters& parameters)
      : RoundScenario(parameters, 2),
        lives_(parameters.GetInt("lives")),
        big_bytes_(parameters.GetInt("big_bytes")),
        alone_(parameters.GetInt("alone")) {
    Require(rt::Counter::kDelayedFreesEnqueued, "no free was delayed");
    Require(rt::Counter::kDelayedFreesAbandoned, "no thread left a delayed free behind");
    Require(rt::Counter::kFinalizersRun, "no finalizer delayed more");
  }

 private:
  absl::Status BeginRound(ScenarioContext& context) override {
    return chain_.Create(context.main_thread()) ? absl::OkStatus() : NoMemory();
  }

  absl::Status Work(ScenarioContext& context, Worker& worker) override {
    for (int64_t life = 0; life < lives_; ++life) {
      rt::ScopedThreadState thread(context.interpreter());
      if (!thread) return NoMemory();
      if (!DelayOne(*thread, worker.prng)) return NoMemory();
      context.progress().Count(1);
      // Some lives end without a safe point: what they delay is abandoned.
      if (worker.prng.Chance(1, 2)) {
        const absl::Status status = Breathe(*thread, worker.prng, kLivesPerPause);
        if (!status.ok()) return status;
      }
      if (context.ShouldStop()) break;
    }
    return absl::OkStatus();
  }

  bool DelayOne(rt::ThreadState& thread, Prng& prng) {
    switch (prng.Below(4)) {
      case 0:
        return DelayedChain::DelayBlock(thread, big_bytes_);
      case 1:
        return chain_.DelayInstance(thread, kNestingDepth);
      default:
        return DelayedChain::DelayBlock(thread, prng.Between(1, kSmallBytes));
    }
  }

  absl::Status EndRound(ScenarioContext& context) override {
    rt::ThreadState& main = context.main_thread();
    rt::BalanceSnapshot now;
    if (!context.interpreter().Snapshot(main, &now)) return WasShutDown();
    // No promise, but worth a figure: who left last may have found another thread
    // at work on the queue.
    left_peak_bytes_ = std::max(left_peak_bytes_, now.delayed_free_bytes);
    // Nobody else is attached, so every goal is reached; and this thread attached
    // after the others had left, so it knows that there is something to do.
    if (!rt::SafePoint(main)) return WasShutDown();
    if (!context.interpreter().Snapshot(main, &now)) return WasShutDown();
    const rt::DelayedFreePending own = main.delayed_free.pending();
    const int64_t count = now.delayed_free_count - own.item_count;
    if (count != 0) {
      found().Add("backlog",
                  absl::StrFormat("%d delayed frees with %d bytes, left by threads that ended, "
                                  "still wait after a safe point of the only thread there is",
                                  count, now.delayed_free_bytes - own.item_bytes));
    }
    return DelayAlone(main);
  }

  absl::Status DelayAlone(rt::ThreadState& main) {
    const int64_t bound = rt::DelayedFreeQueue::kByteLimit + 2 * big_bytes_;
    for (int64_t i = 0; i < alone_; ++i) {
      if (!DelayedChain::DelayBlock(main, big_bytes_)) return NoMemory();
      if (!rt::SafePoint(main)) return WasShutDown();
      const int64_t waiting = main.delayed_free.pending().item_bytes;
      alone_peak_bytes_ = std::max(alone_peak_bytes_, waiting);
      if (waiting <= bound) continue;
      found().Add("backlog", absl::StrFormat("%d bytes of a thread that is alone wait after a safe "
                                             "point; at most %d should",
                                             waiting, bound));
      break;
    }
    return absl::OkStatus();
  }

  void DropAll(ScenarioContext& context) override {
    // The last finalizers delay more: their chains end here.
    for (int64_t i = 0; i <= kNestingDepth; ++i) {
      if (!context.interpreter().Quiesce(context.main_thread())) return;
    }
    chain_.DropType(context.main_thread());
  }

  void Conclude(ScenarioContext& context) override {
    context.Measure("backlog_after_round_bytes", left_peak_bytes_);
    context.Measure("backlog_alone_bytes", alone_peak_bytes_);
    chain_.Judge(found());
  }

  const int64_t lives_;
  const int64_t big_bytes_;
  const int64_t alone_;
  DelayedChain chain_{kSmallBytes};
  int64_t left_peak_bytes_ = 0;
  int64_t alone_peak_bytes_ = 0;
};

}  // namespace

extern const ScenarioDeclaration kDelayedFreeStormDeclaration = {
    .name = "delayed-free-storm",
    .summary = "Threads live just long enough to delay one free.",
    .stresses =
        "the interpreter's queue of delayed frees, limits in bytes, blocks and objects whose "
        "release delays more",
    .method =
        "`threads` threads each live `lives` lives in a round. A life delays one free: of a small "
        "block, of a big one, or of an object whose finalizer delays more. After each round the "
        "main thread, alone, delays `alone` big blocks with a safe point after each.",
    .holds_if =
        "the first safe point of the main thread after a round frees all that the threads of the "
        "round left behind, and what waits of a thread that is alone stays within the limit in "
        "bytes and two big blocks",
    .exercises =
        "delayed free, QSBR goals, re-entrant destructors, short-lived thread states, "
        "stop-the-world",
    .parameters = kParameters,
    .rounds_parameter = "rounds",
    .create = &CreateScenario<DelayedFreeStorm>,
};

}  // namespace stressd::host
