// Late attach: threads that come to an interpreter while it is finalized and after
// it has been destroyed.
//   Stresses   the refusals of attach, safe point, stop and creation, the memory of
//              thread states that outlive their interpreter and runtime.
//   Method     each of `rounds` rounds makes a runtime. `threads` - 1 threads work in its
//              main interpreter or in a second one: they attach and detach, reach
//              safe points, stop the world, or make and end thread states. Meanwhile
//              one more thread, attached there or nowhere, finalizes the interpreter or
//              the whole runtime. Those refused try again `tries` times; then the
//              interpreter and the runtime are destroyed while they go on trying, and
//              at last they release what they have.
//   Holds if   a refusal is final: nobody attaches or gets a thread state once the
//              finalizer is done or a thread state was refused; an id means nothing
//              once its interpreter is gone; the interpreter ends exactly as an unused
//              one does, and as many thread states end as were made.
//   Exercises  finalization, late attach, both parties of a thread state, leases and
//              pending calls by id, stop-the-world.

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/strings/str_format.h"
#include "runtime/base/atomic.h"
#include "runtime/base/futex.h"
#include "runtime/runtime.h"
#include "runtime/stats/counter.h"
#include "runtime/stats/counter_block.h"
#include "stressd/host/oracles/oracle.h"
#include "stressd/host/scenario/start_gate.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

constexpr ParameterSpec kParameters[] = {
    IntParameter("threads", 4, 2, 256, "OS threads at a time; one of them finalizes.",
                 ParameterCounts::kThreads),
    IntParameter("rounds", 100, 1, 100'000'000,
                 "Runtimes made and finalized; fewer under sanitizers."),
    IntParameter("tries", 16, 1, 1'000'000,
                 "How often a refused thread tries again before the interpreter is destroyed."),
    IntParameter("delay", 4000, 0, 1'000'000,
                 "Turns of a spin loop after which the finalizer strikes, at most."),
};

// How a thread works until it is refused.
enum class Habit : uint8_t { kAttaches, kReachesSafePoints, kStops, kMakes };
constexpr uint64_t kHabitCount = 4;

// A runtime and what its threads know of it.
struct LateRound {
  std::unique_ptr<rt::Runtime> runtime;
  rt::Interpreter* target = nullptr;
  uint64_t target_id = 0;
  bool whole_runtime = false;  // What is finalized.
  bool inside = false;         // The finalizer is attached to the target.
  uint64_t delay = 0;
  StartGate working;  // Each thread has been attached, or has failed.
  StartGate refused;  // Each thread has been refused, and has tried again.
  rt::Atomic<uint32_t> finalized{0};
  rt::Atomic<uint32_t> destroyed{0};
  rt::CounterTotals counters;  // Of the runtime, at its end.
};

class LateAttach final : public RoundScenario {
 public:
  explicit LateAttach(const Parameters& parameters)
      : RoundScenario(parameters, 4),
        tries_(parameters.GetInt("tries")),
        delay_(static_cast<uint64_t>(parameters.GetInt("delay"))) {}

  // Learns what an unused interpreter is at its end.
  absl::Status SetUp(ScenarioContext& context) override {
    rt::Interpreter* const unused = rt::Interpreter::Create(context.runtime());
    if (unused == nullptr) return NoMemory();
    return rt::Interpreter::Destroy(unused, &unused_end_.balance) ? absl::OkStatus()
                                                                  : WasShutDown();
  }

 private:
  absl::Status BeginRound(ScenarioContext& context) override {
    round_ = std::make_unique<LateRound>();
    round_->runtime =
        rt::Runtime::Create({.check_every_stop_count = context.runtime().check_every_stop_count()});
    if (round_->runtime == nullptr) return NoMemory();
    Prng& prng = context.prng();
    round_->whole_runtime = prng.Chance(1, 2);
    round_->inside = prng.Chance(1, 2);
    round_->delay = prng.Below(delay_ + 1);
    round_->target = prng.Chance(1, 2) ? round_->runtime->main_interpreter()
                                       : rt::Interpreter::Create(*round_->runtime);
    if (round_->target == nullptr) return NoMemory();
    round_->target_id = round_->target->id();
    return absl::OkStatus();
  }

  absl::Status Work(ScenarioContext& context, Worker& worker) override {
    const absl::Status status =
        worker.index == 0 ? Finalize(*round_) : ComeLate(*round_, worker.prng);
    context.progress().Count(1);
    return status;
  }

  absl::Status EndRound(ScenarioContext& context) override {
    context.AddCounters(round_->counters);
    const int64_t made = round_->counters.Get(rt::Counter::kThreadStatesCreated);
    const int64_t ended = round_->counters.Get(rt::Counter::kThreadStatesDestroyed);
    if (made != ended) {
      Found(absl::StrFormat("%d thread states were made and %d ended", made, ended));
    }
    round_.reset();
    return absl::OkStatus();
  }

  void DropAll(ScenarioContext&) override { round_.reset(); }

  absl::Status Finalize(LateRound& round) {
    rt::ThreadState* own = nullptr;
    bool attached = false;
    if (round.inside) {
      own = rt::NewThreadState(*round.target);
      attached = own != nullptr && rt::Attach(*own);
      // While the others begin: it holds up no stop of theirs.
      if (attached) rt::Detach(*own);
    }
    round.working.AwaitArrivals(static_cast<uint32_t>(threads() - 1));
    // No yields: on a busy machine each would take longer than all the rest.
    for (uint64_t turn = round.delay; turn > 0; --turn) rt::CpuRelax();
    if (attached && !rt::Attach(*own)) Found("the finalizer was refused before it finalized");
    const bool done = round.whole_runtime ? round.runtime->Finalize() : round.target->Finalize();
    if (!done) Found("Finalize() was refused");
    // (LA1) release store, synchronizes with the acquire load (LA2) in ComeLate(): who
    //       sees it comes after the finalization.
    round.finalized.store(1, std::memory_order_release);
    if (rt::ThreadState* const late = rt::NewThreadState(*round.target)) {
      Found("a thread state was made in a finalized interpreter");
      rt::ReleaseThreadState(late);
    }
    // Attached or not: everybody else has been shut down, so nobody waits for us.
    round.refused.AwaitArrivals(static_cast<uint32_t>(threads() - 1));
    Destroy(round);
    // (LA3) release store, synchronizes with the acquire load (LA4) in TryOnAndOn().
    round.destroyed.store(1, std::memory_order_release);
    return round.inside && !attached ? NoMemory() : absl::OkStatus();
  }

  void Destroy(LateRound& round) {
    Observation end;
    if (!rt::Interpreter::Destroy(round.target, &end.balance)) {
      return Found("Interpreter::Destroy() was refused");
    }
    JudgeAll(unused_end_, end, JudgeScope::kRuntimeOnly, "a finalized interpreter", found());
    JudgeId(round);
    round.runtime->ReadCounters(&round.counters);
    round.runtime.reset();
  }

  // The interpreter is gone, its runtime is not.
  void JudgeId(LateRound& round) {
    rt::InterpreterLease lease;
    if (rt::LeaseInterpreter(*round.runtime, round.target_id, &lease) !=
        rt::InterpreterStatus::kNotFound) {
      Found("the id of a destroyed interpreter can still be leased");
    }
    if (rt::IsInterpreterLive(*round.runtime, round.target_id)) {
      Found("a destroyed interpreter is said to live");
    }
    rt::PendingCall call;
    if (rt::PostPendingCall(*round.runtime, round.target_id, &call)) {
      Found("a destroyed interpreter took a pending call");
    }
  }

  absl::Status ComeLate(LateRound& round, Prng& prng) {
    rt::ThreadState* state = rt::NewThreadState(*round.target);
    const bool made = state != nullptr;
    bool attached = made && rt::Attach(*state);
    round.working.Arrive();
    const auto habit = static_cast<Habit>(prng.Below(kHabitCount));
    while (attached) {
      // (LA2) acquire load, synchronizes with the release store (LA1) in Finalize().
      const bool late = round.finalized.load(std::memory_order_acquire) != 0;
      attached = WorkOnce(round, habit, prng, &state);
      if (attached && late) Found("a thread went on in a finalized interpreter");
    }
    for (int64_t i = 0; made && i < tries_; ++i) TryAgain(*state);
    // Everybody but those that make thread states is refused by the finalizer alone.
    AwaitFinalized(round);
    for (int64_t i = 0; i < tries_; ++i) TryToMake(round);
    round.refused.Arrive();
    if (!made) return NoMemory();
    TryOnAndOn(round, *state);
    rt::ReleaseThreadState(state);
    return absl::OkStatus();
  }

  // Attached before; after it as well if it returns true. Else `*state` is one that
  // was refused.
  bool WorkOnce(LateRound& round, Habit habit, Prng& prng, rt::ThreadState** state) {
    rt::Number* const number = rt::NumberNew(**state, 1);
    if (number != nullptr) rt::SetLocalObject(**state, rt::AsObject(number));
    switch (habit) {
      case Habit::kAttaches:
        rt::Detach(**state);
        for (uint64_t turn = prng.Below(64); turn > 0; --turn) rt::CpuRelax();
        return rt::Attach(**state) || Refused(&attaches_refused_);
      case Habit::kReachesSafePoints:
        return rt::SafePoint(**state) || Refused(&safe_points_refused_);
      case Habit::kStops:
        if (!rt::StopTheWorld(**state, prng.Chance(1, 2) ? rt::StopScope::kInterpreter
                                                         : rt::StopScope::kRuntime)) {
          return Refused(&stops_refused_);
        }
        rt::StartTheWorld(**state);
        return true;
      case Habit::kMakes:
        return MakeAnother(round, state);
    }
    return false;
  }

  // Leaves the thread state for a new one, or for none other when that is refused.
  bool MakeAnother(LateRound& round, rt::ThreadState** state) {
    rt::ThreadState* const another = rt::NewThreadState(*round.target);
    if (another == nullptr) {
      // Nothing is made any more, so this one is refused soon.
      Refused(&creations_refused_);
      return rt::SafePoint(**state) || Refused(&safe_points_refused_);
    }
    rt::Detach(**state);
    if (!rt::Attach(*another)) {
      // Made in time and too late to attach. The old one must be refused as well.
      Refused(&attaches_refused_);
      TryAgain(**state);
      rt::ReleaseThreadState(*state);
      *state = another;
      return false;
    }
    rt::Detach(*another);
    if (!rt::Attach(**state)) {
      rt::ReleaseThreadState(another);
      return Refused(&attaches_refused_);
    }
    // Ended by a thread that does not own it.
    rt::ClearThreadState(**state, *another);
    rt::DeleteThreadState(**state, *another);
    rt::ReleaseThreadState(another);
    return true;
  }

  static bool Refused(rt::Atomic<int64_t>* count) {
    // relaxed: a statistic, orders nothing.
    count->fetch_add(1, std::memory_order_relaxed);
    return false;
  }

  void TryAgain(rt::ThreadState& state) {
    if (rt::Attach(state)) {
      Found("a refused thread state was attached");
      rt::Detach(state);
    }
    Refused(&attaches_refused_);
  }

  void TryToMake(LateRound& round) {
    rt::ThreadState* const late = rt::NewThreadState(*round.target);
    if (late != nullptr) {
      Found("a thread state was made in a finalized interpreter");
      rt::ReleaseThreadState(late);
    }
    Refused(&creations_refused_);
  }

  static void AwaitFinalized(LateRound& round) {
    // (LA2) acquire load, as in ComeLate().
    for (int turn = 0; round.finalized.load(std::memory_order_acquire) == 0; ++turn) {
      rt::SpinBriefly(turn);
    }
  }

  // Tries until the interpreter and the runtime are gone, and once more.
  void TryOnAndOn(LateRound& round, rt::ThreadState& state) {
    for (int turn = 0;; ++turn) {
      // (LA4) acquire load, synchronizes with the release store (LA3) in Finalize().
      const bool last = round.destroyed.load(std::memory_order_acquire) != 0;
      TryAgain(state);
      if (last) return;
      rt::SpinBriefly(turn);
    }
  }

  void Found(std::string_view what) {
    found().Add("late-attach",
                absl::StrFormat("%s (round %d, %s finalized from %s)", what, rounds_done(),
                                round_->whole_runtime ? "runtime" : "interpreter",
                                round_->inside ? "inside" : "nowhere"));
  }

  void Conclude(ScenarioContext& context) override {
    // relaxed, all: no thread works any more.
    const int64_t attaches = attaches_refused_.load(std::memory_order_relaxed);
    const int64_t creations = creations_refused_.load(std::memory_order_relaxed);
    context.Measure("attaches_refused_count", attaches);
    context.Measure("creations_refused_count", creations);
    context.Measure("safe_points_refused_count",
                    safe_points_refused_.load(std::memory_order_relaxed));
    context.Measure("stops_refused_count", stops_refused_.load(std::memory_order_relaxed));
    if (attaches == 0) found().AddUnreached("no late attach was tried");
    if (creations == 0) found().AddUnreached("no late thread state was asked for");
  }

  const int64_t tries_;
  const uint64_t delay_;
  Observation unused_end_;
  std::unique_ptr<LateRound> round_;
  rt::Atomic<int64_t> attaches_refused_{0};
  rt::Atomic<int64_t> creations_refused_{0};
  rt::Atomic<int64_t> safe_points_refused_{0};
  rt::Atomic<int64_t> stops_refused_{0};
};

}  // namespace

extern const ScenarioDeclaration kLateAttachDeclaration = {
    .name = "late-attach",
    .summary = "Threads come to an interpreter while it is finalized and after it is gone.",
    .stresses =
        "the refusals of attach, safe point, stop and creation, the memory of thread states that "
        "outlive their interpreter and runtime",
    .method =
        "Each of `rounds` rounds makes a runtime. `threads` - 1 threads work in its main "
        "interpreter or in a second one: they attach and detach, reach safe points, stop the "
        "world, or make and end thread states. Meanwhile one more thread, attached there or "
        "nowhere, finalizes the interpreter or the whole runtime. Those refused try again `tries` "
        "times; then the interpreter and the runtime are destroyed while they go on trying, and at "
        "last they release what they have.",
    .holds_if =
        "a refusal is final: nobody attaches or gets a thread state once the finalizer is done or "
        "a thread state was refused; an id means nothing once its interpreter is gone; the "
        "interpreter ends exactly as an unused one does, and as many thread states end as were "
        "made",
    .exercises =
        "finalization, late attach, both parties of a thread state, leases and pending calls by "
        "id, stop-the-world",
    .parameters = kParameters,
    .rounds_parameter = "rounds",
    .create = &CreateScenario<LateAttach>,
};

}  // namespace stressd::host
