// Stop-the-world storm: several threads stop the world back to back while others
// attach and detach.
//   Stresses   the turns of several stoppers, the fair start, threads that attach,
//              detach, answer, begin and end in between.
//   Method     in each of `rounds` rounds `stoppers` threads make `stops` stops each,
//              one right after the other, of their interpreter or of the runtime. The
//              rest of the `threads` attach, drop a number, reach safe points, detach,
//              end their thread state and make another, until the stoppers are done. In
//              each stopped world the stopper looks at everybody.
//   Holds if   nobody runs in a stopped world; whoever waited to attach in one stopped
//              world has run before the next one; whoever waited for its turn to stop
//              gets it within as many stops as there are other stoppers.
//   Exercises  stop-the-world, the queue of turns, attach and detach, safe points.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/str_format.h"
#include "runtime/base/atomic.h"
#include "runtime/base/cache_line.h"
#include "runtime/base/futex.h"
#include "runtime/runtime.h"
#include "stressd/host/scenario/load_scale.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

// 16: a look at the clock costs as much as a stop that meets nobody.
constexpr int64_t kStopsPerLook = 16;
// A thread state attaches so often at most, so that births meet stops as well.
constexpr int64_t kVisitsPerLife = 200;
// Once in so many stops the stopper lets the others come and wait.
constexpr uint64_t kLongStopOneIn = 16;
constexpr int kLongStopTurns = 64;
constexpr uint64_t kRuntimeStopOneIn = 8;
// 8: how many times `stops` are made for somebody to be met waiting.
constexpr int64_t kPatience = 8;

constexpr ParameterSpec kParameters[] = {
    IntParameter("threads", 6, 2, 256, "OS threads at a time.", ParameterCounts::kThreads),
    IntParameter("rounds", 10, 1, 100'000'000, "How often all threads are started and joined."),
    IntParameter("stoppers", 3, 1, 255, "Of them, how many stop the world; at least one does not."),
    IntParameter("stops", 500, 1, 100'000'000,
                 "Stops that each stopper makes in a round; fewer under sanitizers."),
};

class StopTheWorldStorm final : public RoundScenario {
 public:
  explicit StopTheWorldStorm(const Parameters& parameters)
      : RoundScenario(parameters),
        stoppers_(static_cast<int>(
            std::min<int64_t>(parameters.GetInt("stoppers"), parameters.GetInt("threads") - 1))),
        stops_(ScaledLoad(parameters.GetInt("stops"), 50)),
        records_(static_cast<size_t>(threads())) {}

 private:
  // What the stoppers know of one OS thread. The plain fields are written by their
  // thread while it is attached and read in stopped worlds, or the other way round:
  // the stop is all that orders them.
  struct alignas(rt::kCacheLineBytes) Record {
    rt::Atomic<rt::ThreadState*> state{nullptr};  // Null: there is none.
    // Its own. A stopper counts its stops, another its returns from Attach() and from
    // safe points.
    int64_t turn_count = 0;
    int64_t left = 0;  // Equal to `right` whenever it may be stopped.
    int64_t right = 0;
    // The stoppers'.
    int64_t turns_seen = 0;
    int64_t stops_missed = 0;  // Stopped worlds in a row without a turn of its own.
    int64_t queued_at = 0;     // The stop in which it was met waiting; 0: it was not.
    bool waited = false;       // In the last stopped world, to attach.
  };

  absl::Status BeginRound(ScenarioContext&) override {
    for (Record& record : records_) {
      record.waited = false;
      record.queued_at = 0;
      record.stops_missed = 0;
    }
    // relaxed: the threads are not started yet.
    stoppers_left_.store(stoppers_, std::memory_order_relaxed);
    return absl::OkStatus();
  }

  absl::Status Work(ScenarioContext& context, Worker& worker) override {
    Record& own = records_[static_cast<size_t>(worker.index)];
    if (worker.index >= stoppers_) return AttachAgainAndAgain(context, worker, own);
    const absl::Status status = MakeStops(context, worker, own);
    // relaxed: who sees it late attaches once more.
    stoppers_left_.fetch_sub(1, std::memory_order_relaxed);
    return status;
  }

  absl::Status MakeStops(ScenarioContext& context, Worker& worker, Record& own) {
    rt::ScopedThreadState state(context.interpreter());
    if (!state) return NoMemory();
    Publish(own, state.get());
    absl::Status status;
    // From here on it detaches to wait for its turn only.
    for (int64_t i = 1; status.ok() && (i <= stops_ || (i <= kPatience * stops_ && !met_)); ++i) {
      status = StopOnce(worker, own, *state);
      if (i % kStopsPerLook != 0) continue;
      context.progress().Count(kStopsPerLook);
      if (context.ShouldStop()) break;
    }
    Publish(own, nullptr);
    return status;
  }

  absl::Status StopOnce(Worker& worker, Record& own, rt::ThreadState& state) {
    const auto scope = worker.prng.Chance(1, kRuntimeStopOneIn) ? rt::StopScope::kRuntime
                                                                : rt::StopScope::kInterpreter;
    if (!rt::StopTheWorld(state, scope)) return WasShutDown();
    if (worker.prng.Chance(1, kLongStopOneIn)) {
      for (int turn = 0; turn < kLongStopTurns; ++turn) rt::SpinBriefly(turn);
    }
    ++stop_count_;
    JudgeTurn(own);
    for (Record& record : records_) {
      if (&record != &own) LookAt(record);
    }
    met_ = waits_count_ != 0 && (stoppers_ == 1 || turns_waited_count_ != 0);
    rt::StartTheWorld(state);
    return absl::OkStatus();
  }

  // World stopped by the thread of `own`.
  void JudgeTurn(Record& own) {
    ++own.turn_count;
    if (own.queued_at == 0) return;
    // In front of it in the queue there was one ticket of each other stopper at most,
    // and the stop in which it was met was the first of those.
    const int64_t overtakers = stop_count_ - own.queued_at;
    own.queued_at = 0;
    ++turns_waited_count_;
    most_overtakers_ = std::max(most_overtakers_, overtakers);
    if (overtakers < stoppers_) return;
    found().Add("fairness",
                absl::StrFormat("a stopper got its turn %d stops after it was met waiting; %d "
                                "stoppers allow at most %d",
                                overtakers, stoppers_, stoppers_ - 1));
  }

  // World stopped by another thread than the one of `record`.
  void LookAt(Record& record) {
    const bool ran = record.turn_count != record.turns_seen;
    record.turns_seen = record.turn_count;
    if (record.left != record.right) {
      found().Add("stop", "a thread was in the middle of its work in a stopped world");
    }
    if (record.waited && !ran) {
      found().Add("fairness",
                  absl::StrFormat("a thread that waited to attach in stop %d was still waiting in "
                                  "stop %d",
                                  stop_count_ - 1, stop_count_));
    }
    record.waited = false;
    // (SW2) acquire load, synchronizes with the release store (SW1) in Publish(): the
    //       thread state is complete. It is not freed: its thread would have to be
    //       attached, and to have taken it back before.
    const rt::ThreadState* const state = record.state.load(std::memory_order_acquire);
    if (state == nullptr) {
      record.stops_missed = 0;
      return;
    }
    const rt::ThreadStatus status = rt::StatusOf(*state);
    if (status == rt::ThreadStatus::kAttached) {
      found().Add("stop", "a thread is attached in a stopped world");
    }
    if (&record < &records_[static_cast<size_t>(stoppers_)]) {
      if (record.queued_at == 0) record.queued_at = stop_count_;
      return;
    }
    record.waited = status == rt::ThreadStatus::kSuspendedWaiting;
    if (record.waited) ++waits_count_;
    record.stops_missed = ran ? 0 : record.stops_missed + 1;
    most_missed_ = std::max(most_missed_, record.stops_missed);
  }

  absl::Status AttachAgainAndAgain(ScenarioContext& context, Worker& worker, Record& own) {
    // relaxed: a late look makes one life more.
    while (stoppers_left_.load(std::memory_order_relaxed) != 0) {
      rt::ThreadState* const state = rt::NewThreadState(context.interpreter());
      if (state == nullptr) return NoMemory();
      Publish(own, state);
      const absl::Status status = Live(worker, own, *state);
      if (!status.ok()) return status;
      // Still attached, so nobody looks.
      Publish(own, nullptr);
      Leave(*state);
    }
    return absl::OkStatus();
  }

  // Attaches again and again. Attached when it returns OK.
  absl::Status Live(Worker& worker, Record& own, rt::ThreadState& state) {
    for (int64_t left = worker.prng.Between(1, kVisitsPerLife);; --left) {
      if (!rt::Attach(state)) return WasShutDown();
      ++own.turn_count;
      Act(own, state);
      for (uint64_t point = worker.prng.Below(3); point > 0; --point) {
        if (!rt::SafePoint(state)) return WasShutDown();
        ++own.turn_count;
        Act(own, state);
      }
      // relaxed: see AttachAgainAndAgain().
      if (left == 1 || stoppers_left_.load(std::memory_order_relaxed) == 0) break;
      rt::Detach(state);
      for (uint64_t turn = worker.prng.Below(32); turn > 0; --turn) rt::CpuRelax();
    }
    return absl::OkStatus();
  }

  static void Act(Record& own, rt::ThreadState& state) {
    ++own.left;
    if (rt::Number* const number = rt::NumberNew(state, own.left)) {
      rt::Decref(state, rt::AsObject(number));
    }
    ++own.right;
  }

  static void Publish(Record& own, rt::ThreadState* state) {
    // (SW1) release store, synchronizes with the acquire load (SW2) in LookAt().
    own.state.store(state, std::memory_order_release);
  }

  void Conclude(ScenarioContext& context) override {
    context.Measure("stops_count", stop_count_);
    context.Measure("waits_count", waits_count_);
    context.Measure("turns_waited_count", turns_waited_count_);
    context.Measure("most_overtakers_count", most_overtakers_);
    context.Measure("most_missed_stops_count", most_missed_);
    if (waits_count_ == 0) found().AddUnreached("no thread waited to attach in a stopped world");
    if (stoppers_ > 1 && turns_waited_count_ == 0) {
      found().AddUnreached("no stopper waited for its turn");
    }
  }

  const int stoppers_;
  const int64_t stops_;
  std::vector<Record> records_;  // The stoppers' first.
  rt::Atomic<int> stoppers_left_{0};
  // Written in stopped worlds.
  int64_t stop_count_ = 0;
  int64_t waits_count_ = 0;
  int64_t turns_waited_count_ = 0;
  int64_t most_overtakers_ = 0;
  int64_t most_missed_ = 0;
  // Everything that must be met was met. Read attached.
  bool met_ = false;
};

}  // namespace

extern const ScenarioDeclaration kStopTheWorldStormDeclaration = {
    .name = "stop-the-world-storm",
    .summary = "Several threads stop the world back to back while others attach and detach.",
    .stresses =
        "the turns of several stoppers, the fair start, threads that attach, detach, answer, "
        "begin and end in between",
    .method =
        "In each of `rounds` rounds `stoppers` threads make `stops` stops each, one right after "
        "the other, of their interpreter or of the runtime. The rest of the `threads` attach, drop "
        "a number, reach safe points, detach, end their thread state and make another, until the "
        "stoppers are done. In each stopped world the stopper looks at everybody.",
    .holds_if =
        "nobody runs in a stopped world; whoever waited to attach in one stopped world has run "
        "before the next one; whoever waited for its turn to stop gets it within as many stops as "
        "there are other stoppers",
    .exercises = "stop-the-world, the queue of turns, attach and detach, safe points",
    .parameters = kParameters,
    .rounds_parameter = "rounds",
    .create = &CreateScenario<StopTheWorldStorm>,
};

}  // namespace stressd::host
