// QSBR stall: readers that stay attached without a safe point while others free.
//   Stresses   goals that a slow reader holds back, slots that are reserved and
//              given back across powers of two, memory that is reused at once.
//   Method     `threads` threads replace and read canary blocks in shared cells;
//              what is replaced goes to delayed free. Now and then a reader takes
//              a goal of its own and reads one block for `stall` without a safe
//              point, or a thread makes and deletes idle thread states.
//   Holds if   every canary word a reader sees is whole, the goal of a reader is
//              not reached before its own safe point, and every goal is reached
//              once the world is stopped or the readers have left.
//   Exercises  QSBR sequences, slots and goals, delayed free, stop-the-world.

#include <cstdint>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/futex.h"
#include "runtime/object/object_space.h"
#include "runtime/runtime.h"
#include "stressd/host/scenarios/marked_number.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

// 12 words and 4 more for every second block: two size classes.
constexpr uint32_t kWordCounts[] = {12, 16};
constexpr int64_t kOperationsPerBreath = 16;
// Idle thread states made at a time: around powers of two.
constexpr int kIdleCounts[] = {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33};

struct Canary {
  uint32_t word_count;
  uint32_t seed;
  int64_t words[];
};

constexpr ParameterSpec kParameters[] = {
    IntParameter("threads", 4, 1, 256, "OS threads at a time.", ParameterCounts::kThreads),
    IntParameter("rounds", 8, 1, 100'000'000,
                 "How often all threads are started and joined; fewer under sanitizers."),
    IntParameter("operations", 1200, 1, 10'000'000, "Random operations per thread and round.",
                 ParameterCounts::kOperations),
    IntParameter("cells", 16, 1, 100'000, "Cells that hold a canary block."),
    IntParameter("stalls_per_million", 1500, 0, 1'000'000,
                 "Of a million operations, how many are reads that stall."),
    DurationParameter("stall", absl::Milliseconds(1), absl::ZeroDuration(), absl::Seconds(10),
                      "How long such a read takes."),
    IntParameter("idle", 33, 0, 10'000,
                 "Idle thread states that a thread makes at a time, at most."),
};

class QsbrStall final : public RoundScenario {
 public:
  explicit QsbrStall(const Parameters& parameters)
      : RoundScenario(parameters, 2),
        operations_(parameters.GetInt("operations")),
        stalls_per_million_(static_cast<uint64_t>(parameters.GetInt("stalls_per_million"))),
        stall_(parameters.GetDuration("stall")),
        idle_limit_(static_cast<int>(parameters.GetInt("idle"))),
        cells_(static_cast<size_t>(parameters.GetInt("cells"))) {
    Require(rt::Counter::kDelayedFreesEnqueued, "no free was delayed");
  }

 private:
  absl::Status Work(ScenarioContext& context, Worker& worker) override {
    rt::ScopedThreadState thread(context.interpreter());
    if (!thread) return NoMemory();
    for (int64_t i = 1; i <= operations_; ++i) {
      absl::Status status = WorkOnce(context, *thread, worker.prng);
      if (status.ok() && i % kOperationsPerBreath == 0) {
        context.progress().Count(kOperationsPerBreath);
        status =
            worker.prng.Chance(1, 24) ? CheckStopped(*thread) : Breathe(*thread, worker.prng, 64);
        if (status.ok() && context.ShouldStop()) break;
      }
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status WorkOnce(ScenarioContext& context, rt::ThreadState& thread, Prng& prng) {
    if (prng.Below(1'000'000) < stalls_per_million_) return Stall(context, thread, prng);
    const uint64_t draw = prng.Below(200);
    if (draw == 0) return MakeIdle(context, thread, prng);
    if (draw < 60) return Replace(thread, prng);
    if (const Canary* const canary = Read(prng)) Verify(*canary);
    return absl::OkStatus();
  }

  const Canary* Read(Prng& prng) {
    // (Z3) acquire load, synchronizes with the exchange (Z4) in Replace(): the
    //      block's words are complete.
    return cells_[prng.Below(cells_.size())].load(std::memory_order_acquire);
  }

  absl::Status Replace(rt::ThreadState& thread, Prng& prng) {
    const uint32_t word_count = kWordCounts[prng.Below(std::size(kWordCounts))];
    auto* const canary = static_cast<Canary*>(
        rt::AllocateBlock(thread, rt::HeapKind::kMemory, CanaryBytes(word_count)));
    if (canary == nullptr) return NoMemory();
    canary->word_count = word_count;
    canary->seed = static_cast<uint32_t>(prng.Next());
    for (uint32_t i = 0; i < word_count; ++i) canary->words[i] = MarkedNumber(canary->seed + i);
    // (Z4) acq_rel exchange, synchronizes with the load (Z3) in Read() and with
    //      the exchange (Z4) of another thread: blocks are complete.
    Retire(thread, cells_[prng.Below(cells_.size())].exchange(canary, std::memory_order_acq_rel));
    return absl::OkStatus();
  }

  static size_t CanaryBytes(uint32_t word_count) {
    return sizeof(Canary) + word_count * sizeof(int64_t);
  }

  static void Retire(rt::ThreadState& thread, Canary* canary) {
    if (canary == nullptr) return;
    thread.delayed_free.FreeMemory(canary, CanaryBytes(canary->word_count));
  }

  void Verify(const Canary& canary) {
    const uint32_t word_count = canary.word_count;
    bool whole = word_count == kWordCounts[0] || word_count == kWordCounts[1];
    for (uint32_t i = 0; whole && i < word_count; ++i) {
      whole = canary.words[i] == MarkedNumber(canary.seed + i);
    }
    // relaxed: a statistic, judged when no thread works any more.
    if (!whole) broken_canaries_.fetch_add(1, std::memory_order_relaxed);
  }

  // Reads one block for the whole stall, and holds a goal back meanwhile.
  absl::Status Stall(ScenarioContext& context, rt::ThreadState& thread, Prng& prng) {
    const Canary* const canary = Read(prng);
    rt::QsbrShared& qsbr = thread.space->qsbr;
    const rt::QsbrSequence goal = qsbr.Advance();
    const absl::Duration end = context.clock().Now() + stall_;
    bool held_back = true;
    for (int turn = 0; context.clock().Now() < end; ++turn) {
      if (canary != nullptr) Verify(*canary);
      held_back = held_back && !qsbr.IsReached(goal);
      rt::SpinBriefly(turn);
    }
    if (canary != nullptr) Verify(*canary);
    if (!held_back) {
      found().Add("qsbr-goal",
                  absl::StrFormat("goal %d was reached while a reader that took it had "
                                  "not reached a safe point",
                                  goal));
    }
    // relaxed: a statistic, judged when no thread works any more.
    stalls_.fetch_add(1, std::memory_order_relaxed);
    return rt::SafePoint(thread) ? absl::OkStatus() : WasShutDown();
  }

  // In a stopped world nobody but the caller is before any goal.
  absl::Status CheckStopped(rt::ThreadState& thread) {
    if (!rt::StopTheWorld(thread, rt::StopScope::kInterpreter)) return WasShutDown();
    CheckGoalIsReached(thread, "in a stopped world");
    rt::StartTheWorld(thread);
    return absl::OkStatus();
  }

  // `thread` holds no pointer into the cells, and nobody else is attached.
  void CheckGoalIsReached(rt::ThreadState& thread, std::string_view moment) {
    rt::QsbrShared& qsbr = thread.space->qsbr;
    const rt::QsbrSequence goal = qsbr.Advance();
    qsbr.QuiescentState(*thread.qsbr_slot);
    // relaxed: a statistic, judged when no thread works any more.
    goals_.fetch_add(1, std::memory_order_relaxed);
    if (qsbr.Poll(*thread.qsbr_slot, goal)) return;
    found().Add("qsbr-goal", absl::StrFormat("goal %d is not reached %s", goal, moment));
  }

  // Reserves and gives back slots.
  absl::Status MakeIdle(ScenarioContext& context, rt::ThreadState& thread, Prng& prng) {
    const int drawn = kIdleCounts[prng.Below(std::size(kIdleCounts))];
    std::vector<rt::ThreadState*> idle;
    for (int i = std::min(drawn, idle_limit_); i > 0; --i) {
      rt::ThreadState* const made = rt::NewThreadState(context.interpreter());
      if (made == nullptr) break;
      idle.push_back(made);
    }
    const bool made = !idle.empty() || idle_limit_ == 0;
    for (rt::ThreadState* const each : idle) {
      rt::ClearThreadState(thread, *each);
      rt::DeleteThreadState(thread, *each);
      rt::ReleaseThreadState(each);
    }
    return made ? absl::OkStatus() : NoMemory();
  }

  absl::Status EndRound(ScenarioContext& context) override {
    CheckGoalIsReached(context.main_thread(), "although every reader has left");
    return absl::OkStatus();
  }

  void DropAll(ScenarioContext& context) override {
    for (rt::Atomic<Canary*>& cell : cells_) {
      // relaxed: no thread works any more.
      Retire(context.main_thread(), cell.exchange(nullptr, std::memory_order_relaxed));
    }
  }

  void Conclude(ScenarioContext& context) override {
    // relaxed: no thread works any more.
    const int64_t broken = broken_canaries_.load(std::memory_order_relaxed);
    const int64_t stalls = stalls_.load(std::memory_order_relaxed);
    if (broken != 0) {
      found().Add("canaries", absl::StrFormat("%d reads found a block that was not whole", broken));
    }
    context.Measure("stalls_count", stalls);
    context.Measure("goals_count", goals_.load(std::memory_order_relaxed));
    if (stalls == 0 && stalls_per_million_ > 0) found().AddUnreached("no reader stalled");
  }

  const int64_t operations_;
  const uint64_t stalls_per_million_;
  const absl::Duration stall_;
  const int idle_limit_;
  std::vector<rt::Atomic<Canary*>> cells_;
  rt::Atomic<int64_t> broken_canaries_{0};
  rt::Atomic<int64_t> stalls_{0};
  rt::Atomic<int64_t> goals_{0};
};

}  // namespace

extern const ScenarioDeclaration kQsbrStallDeclaration = {
    .name = "qsbr-stall",
    .summary = "Readers stay attached without a safe point while others free.",
    .stresses =
        "goals that a slow reader holds back, slots that are reserved and given back across powers "
        "of two, memory that is reused at once",
    .method =
        "`threads` threads replace and read canary blocks in shared cells; what is replaced goes "
        "to delayed free. Now and then a reader takes a goal of its own and reads one block for "
        "`stall` without a safe point, or a thread makes and deletes idle thread states.",
    .holds_if =
        "every canary word a reader sees is whole, the goal of a reader is not reached before its "
        "own safe point, and every goal is reached once the world is stopped or the readers have "
        "left",
    .exercises = "QSBR sequences, slots and goals, delayed free, stop-the-world",
    .parameters = kParameters,
    .rounds_parameter = "rounds",
    .create = &CreateScenario<QsbrStall>,
};

}  // namespace stressd::host
