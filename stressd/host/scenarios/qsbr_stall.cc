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

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

#include "absl/time/time.h"
#include "runtime/runtime.h"
#include "stressd/host/scenarios/canary_cells.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

constexpr int64_t kOperationsPerBreath = 16;
// Idle thread states made at a time: around powers of two.
constexpr int kIdleCounts[] = {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33};

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
    if (draw < 60) return cells_.Replace(thread, prng) ? absl::OkStatus() : NoMemory();
    if (const auto* const canary = cells_.Read(prng)) cells_.Verify(*canary);
    return absl::OkStatus();
  }

  absl::Status Stall(ScenarioContext& context, rt::ThreadState& thread, Prng& prng) {
    cells_.Stall(thread, context.clock(), stall_, prng);
    return rt::SafePoint(thread) ? absl::OkStatus() : WasShutDown();
  }

  // In a stopped world nobody but the caller is before any goal.
  absl::Status CheckStopped(rt::ThreadState& thread) {
    if (!rt::StopTheWorld(thread, rt::StopScope::kInterpreter)) return WasShutDown();
    cells_.CheckGoalIsReached(thread, "in a stopped world");
    rt::StartTheWorld(thread);
    return absl::OkStatus();
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
    cells_.CheckGoalIsReached(context.main_thread(), "although every reader has left");
    return absl::OkStatus();
  }

  void DropAll(ScenarioContext& context) override { cells_.DropAll(context.main_thread()); }

  void Conclude(ScenarioContext& context) override {
    cells_.Judge(found());
    const int64_t stalls = cells_.stalls_count();
    context.Measure("stalls_count", stalls);
    context.Measure("goals_count", cells_.goals_count());
    if (stalls == 0 && stalls_per_million_ > 0) found().AddUnreached("no reader stalled");
  }

  const int64_t operations_;
  const uint64_t stalls_per_million_;
  const absl::Duration stall_;
  const int idle_limit_;
  CanaryCells cells_;
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
