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

#include <cstdint>

#include "absl/strings/str_format.h"
#include "runtime/alloc/heap_bundle.h"
#include "runtime/runtime.h"
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
    if (type_ != nullptr) return absl::OkStatus();
    type_ = rt::TypeNew(
        context.main_thread(),
        {.name = "Delayed", .slot_count = 2, .finalizer = &DelayMore, .finalizer_context = this});
    return type_ == nullptr ? NoMemory() : absl::OkStatus();
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
        return DelayBlock(thread, big_bytes_);
      case 1:
        return DelayInstance(thread, kNestingDepth);
      default:
        return DelayBlock(thread, prng.Between(1, kSmallBytes));
    }
  }

  static bool DelayBlock(rt::ObjectThread& thread, int64_t bytes) {
    const auto size = static_cast<size_t>(bytes);
    void* const block = rt::AllocateBlock(thread, rt::HeapKind::kMemory, size);
    if (block == nullptr) return false;
    // Both ends: what is freed too early is somebody else's by now.
    static_cast<char*>(block)[0] = 1;
    static_cast<char*>(block)[size - 1] = 1;
    thread.delayed_free.FreeMemory(block, size);
    return true;
  }

  // An instance that delays `depth` - 1 more when it is released.
  bool DelayInstance(rt::ObjectThread& thread, int64_t depth) {
    rt::Instance* const instance = rt::InstanceNew(thread, type_);
    if (instance == nullptr) return false;
    // relaxed: a statistic, judged when no thread works any more.
    instances_made_.fetch_add(1, std::memory_order_relaxed);
    if (rt::Number* const number = rt::NumberNew(thread, depth)) {
      rt::InstanceSet(thread, instance, 0, rt::AsObject(number));
      rt::Decref(thread, rt::AsObject(number));
    }
    thread.delayed_free.FreeObject(rt::AsObject(instance), sizeof(rt::Instance));
    return true;
  }

  static void DelayMore(rt::ObjectThread& thread, rt::Instance* instance, void* context) {
    auto& scenario = *static_cast<DelayedFreeStorm*>(context);
    // relaxed: a statistic, judged when no thread works any more.
    scenario.finalizers_run_.fetch_add(1, std::memory_order_relaxed);
    rt::Object* const number = rt::InstanceGet(thread, instance, 0);
    if (number == nullptr) return;
    const int64_t depth = rt::NumberValue(number);
    rt::Decref(thread, number);
    if (depth <= 1) return;
    // Lack of memory makes the chain shorter, no more.
    (void)DelayBlock(thread, kSmallBytes);
    (void)scenario.DelayInstance(thread, depth - 1);
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
      if (!DelayBlock(main, big_bytes_)) return NoMemory();
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
    if (type_ != nullptr) rt::Decref(context.main_thread(), rt::AsObject(type_));
    // The last finalizers delay more: their chains end here.
    for (int64_t i = 0; i <= kNestingDepth; ++i) {
      if (!context.interpreter().Quiesce(context.main_thread())) return;
    }
  }

  void Conclude(ScenarioContext& context) override {
    context.Measure("backlog_after_round_bytes", left_peak_bytes_);
    context.Measure("backlog_alone_bytes", alone_peak_bytes_);
    // relaxed: no thread works any more.
    const int64_t made = instances_made_.load(std::memory_order_relaxed);
    const int64_t finalized = finalizers_run_.load(std::memory_order_relaxed);
    if (made != finalized) {
      found().Add("finalizers",
                  absl::StrFormat("%d instances were made and %d finalizers ran", made, finalized));
    }
  }

  const int64_t lives_;
  const int64_t big_bytes_;
  const int64_t alone_;
  rt::TypeObject* type_ = nullptr;
  int64_t left_peak_bytes_ = 0;
  int64_t alone_peak_bytes_ = 0;
  rt::Atomic<int64_t> instances_made_{0};
  rt::Atomic<int64_t> finalizers_run_{0};
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
