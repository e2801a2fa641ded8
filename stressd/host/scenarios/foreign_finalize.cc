// Foreign finalize: thread states and whole interpreters are cleared and
// destroyed by a thread that does not own them.
//   Stresses   clearing and deleting foreign thread states, finalization while
//              threads run, memory that outlives its thread.
//   Method     each of `rounds` rounds makes an interpreter and `threads` threads
//              that share a list in it. After some work the finalizing thread
//              strikes, in one of these ways: it clears and deletes the detached
//              thread states one by one; or finalizes the interpreter while all
//              threads run, being attached to it, attached elsewhere or attached
//              nowhere; or finalizes a whole runtime of its own. Live objects,
//              queued merges and delayed frees are outstanding each time.
//   Holds if   each interpreter ends exactly as an unused one does, every
//              finalizer ran once, and every late thread is refused.
//   Exercises  finalization, foreign clear and delete, both parties of a thread
//              state, merge queues, delayed free, parked heap bundles.

#include <memory>
#include <vector>

#include "absl/strings/str_format.h"
#include "runtime/runtime.h"
#include "stressd/host/oracles/oracle.h"
#include "stressd/host/scenario/load_scale.h"
#include "stressd/host/scenario/round_loop.h"
#include "stressd/host/scenario/scenario.h"
#include "stressd/host/scenarios/doomed_round.h"

namespace stressd::host {
namespace {

// In the order of Strike.
constexpr std::string_view kStrikeNames[] = {"clear", "inside", "elsewhere", "nowhere", "runtime"};
constexpr size_t kStrikeCount = std::size(kStrikeNames);
constexpr std::string_view kStrikeChoices[] = {"any",       "clear",   "inside",
                                               "elsewhere", "nowhere", "runtime"};

constexpr ParameterSpec kParameters[] = {
    IntParameter("threads", 3, 1, 256, "Threads that are struck.", ParameterCounts::kThreads),
    IntParameter("rounds", 60, 1, 100'000'000,
                 "Interpreters made and destroyed; fewer under sanitizers."),
    IntParameter("batches", 8, 1, 1'000'000,
                 "Batches of 64 operations that all threads together do before "
                 "the strike; each round draws up to twice as many."),
    ChoiceParameter("strike", "any", kStrikeChoices,
                    "How: clear each thread state, finalize from inside, from "
                    "another interpreter, from nowhere, or the whole runtime."),
};

class ForeignFinalize final : public Scenario {
 public:
  explicit ForeignFinalize(const Parameters& parameters)
      : threads_(static_cast<int>(parameters.GetInt("threads"))),
        rounds_(ScaledLoad(parameters.GetInt("rounds"))),
        batches_(parameters.GetInt("batches")),
        strike_name_(parameters.GetChoice("strike")) {}

  // Learns what an unused interpreter is at its end.
  absl::Status SetUp(ScenarioContext& context) override {
    rt::Interpreter* const unused = rt::Interpreter::Create(context.runtime());
    if (unused == nullptr) {
      return absl::ResourceExhaustedError("no interpreter could be made");
    }
    if (!rt::Interpreter::Destroy(unused, &unused_end_.balance)) {
      return absl::AbortedError("an unused interpreter could not be destroyed");
    }
    return absl::OkStatus();
  }

  absl::Status Run(ScenarioContext& context) override {
    RoundLoop loop(context, context.prng(), rounds_);
    while (loop.Next()) {
      const absl::Status status = RunRound(context);
      if (!status.ok()) return status;
      ++rounds_done_;
    }
    context.Measure("rounds_count", rounds_done_);
    return absl::OkStatus();
  }

  void Check(const ScenarioContext&, ViolationList& out) const override {
    out.Append(found_);
    if (rounds_done_ == 0) out.AddUnreached("no interpreter was destroyed");
  }

 private:
  absl::Status RunRound(ScenarioContext& context) {
    DoomedRound round;
    round.found = &found_;
    round.batches_per_park = 2 * batches_;
    round.strike = DrawStrike(context.prng());
    round.moment = absl::StrFormat("round %d, strike %s", rounds_done_,
                                   kStrikeNames[static_cast<size_t>(round.strike)]);
    round.strike_after = static_cast<uint32_t>(context.prng().Between(0, 2 * batches_));
    std::unique_ptr<rt::Runtime> own_runtime;
    if (round.strike == Strike::kRuntime) {
      own_runtime = rt::Runtime::Create(
          {.check_every_stop_count = context.runtime().check_every_stop_count()});
      round.own_runtime = own_runtime.get();
      round.interpreter = own_runtime == nullptr ? nullptr : own_runtime->main_interpreter();
    } else {
      round.interpreter = rt::Interpreter::Create(context.runtime());
    }
    if (round.interpreter == nullptr) {
      return absl::ResourceExhaustedError("no interpreter could be made");
    }
    std::vector<Victim> victims(static_cast<size_t>(threads_));
    const absl::Status made = MakeThreadStates(context, round, victims);
    const absl::Status status =
        made.ok() ? context.RunWorkers(
                        threads_ + 1,
                        [&](Worker& worker) { return Play(context, round, victims, worker); })
                  : made;
    if (own_runtime != nullptr) {
      rt::CounterTotals counted;
      own_runtime->ReadCounters(&counted);
      context.AddCounters(counted);
    }
    if (round.interpreter == nullptr) return status;
    // The round could not be played: nobody else is in the interpreter.
    if (!rt::Interpreter::Destroy(round.interpreter)) {
      return absl::AbortedError("an interpreter could not be destroyed");
    }
    // relaxed: all threads have been joined.
    if (round.played.load(std::memory_order_relaxed) != 0) return status;
    for (const Victim& victim : victims) {
      if (victim.thread != nullptr) rt::ReleaseThreadState(victim.thread);
    }
    if (round.finalizer != nullptr) rt::ReleaseThreadState(round.finalizer);
    return status;
  }

  Strike DrawStrike(Prng& prng) const {
    for (size_t i = 0; i < kStrikeCount; ++i) {
      if (kStrikeNames[i] == strike_name_) return static_cast<Strike>(i);
    }
    return static_cast<Strike>(prng.Below(kStrikeCount));
  }

  // Makes the thread states that the round's OS threads will attach, and the
  // shared objects, which the finalizer's thread state owns.
  absl::Status MakeThreadStates(ScenarioContext& context, DoomedRound& round,
                                std::vector<Victim>& victims) {
    round.finalizer = rt::NewThreadState(*round.interpreter);
    bool made = round.finalizer != nullptr;
    for (Victim& victim : victims) {
      victim.thread = rt::NewThreadState(*round.interpreter);
      made = made && victim.thread != nullptr;
    }
    if (!made) {
      return absl::ResourceExhaustedError("no thread state could be made");
    }
    rt::ScopedDetach detached(context.main_thread());
    absl::Status status = absl::ResourceExhaustedError("no heap could be made");
    if (rt::Attach(*round.finalizer)) {
      status = round.doomed.Create(*round.finalizer);
      rt::Detach(*round.finalizer);
    }
    if (!detached.End()) {
      return absl::AbortedError("the main thread state was shut down");
    }
    return status;
  }

  // One OS thread of a round: the last one is the finalizer.
  absl::Status Play(ScenarioContext& context, DoomedRound& round, std::vector<Victim>& victims,
                    Worker& worker) {
    // relaxed: read when all threads have been joined.
    round.played.store(1, std::memory_order_relaxed);
    return worker.index == threads_
               ? BeFinalizer(context, round, victims, worker)
               : BeVictim(context, round, victims[static_cast<size_t>(worker.index)], worker);
  }

  absl::Status BeFinalizer(ScenarioContext& context, DoomedRound& round,
                           std::vector<Victim>& victims, Worker& worker) {
    rt::ThreadState& own = *round.finalizer;
    round.rooted.AwaitArrivals(static_cast<uint32_t>(threads_));
    const bool attached = rt::Attach(own);
    if (!attached) Refused(round, "Attach()");
    const bool inside = round.strike == Strike::kClear || round.strike == Strike::kInside;
    const bool rooted = attached && inside && round.doomed.Root(own);
    if (attached) round.doomed.Release(own);
    // relaxed: ordered by the gate.
    if (!attached || round.failed.load(std::memory_order_relaxed) != 0) {
      Destroy(round);
      round.rooted.Break();
      return absl::OkStatus();  // The victims say what failed.
    }
    if (inside) {
      rt::Detach(own);
    } else {
      Retire(own);
    }
    round.rooted.Open();
    if (round.strike == Strike::kClear) {
      round.parked.AwaitArrivals(static_cast<uint32_t>(threads_));
    } else {
      AwaitBatches(round);
    }
    if (round.strike == Strike::kClear) {
      ClearOneByOne(round, victims, worker, rooted);
    } else if (round.strike == Strike::kInside) {
      StrikeInside(round, worker, rooted);
    } else if (round.strike == Strike::kElsewhere) {
      rt::ScopedThreadState elsewhere(context.interpreter());
      Destroy(round);
    } else {
      if (round.own_runtime != nullptr && !round.own_runtime->Finalize()) {
        Refused(round, "Runtime::Finalize()");
      }
      Destroy(round);
    }
    context.progress().Count(1);
    return absl::OkStatus();
  }

  void ClearOneByOne(DoomedRound& round, std::vector<Victim>& victims, Worker& worker,
                     bool rooted) {
    rt::ThreadState& own = *round.finalizer;
    if (!rt::Attach(own)) return Refused(round, "Attach()");
    // Drops objects of the parked threads, who cannot merge them.
    if (rooted) (void)round.doomed.Work(own, worker.prng, kDoomedBatch);
    for (Victim& victim : victims) {
      rt::ClearThreadState(own, *victim.thread);
      rt::DeleteThreadState(own, *victim.thread);
      if (victim.left) rt::ReleaseThreadState(victim.thread);
    }
    Destroy(round);
    round.parked.Open();
  }

  void StrikeInside(DoomedRound& round, Worker& worker, bool rooted) {
    rt::ThreadState& own = *round.finalizer;
    if (!rt::Attach(own)) return Refused(round, "Attach()");
    if (rooted) (void)round.doomed.Work(own, worker.prng, kDoomedBatch);
    // Destroy() finalizes by itself as well.
    if (worker.prng.Chance(1, 2) && !round.interpreter->Finalize()) {
      Refused(round, "Interpreter::Finalize()");
    }
    Destroy(round);
  }

  // Destroys the round's interpreter and judges how it ended.
  void Destroy(DoomedRound& round) {
    Observation end;
    if (!rt::Interpreter::Destroy(round.interpreter, &end.balance)) {
      return Refused(round, "Interpreter::Destroy()");
    }
    round.interpreter = nullptr;
    if (round.own_runtime != nullptr) round.own_runtime->ReadCounters(&end.counters);
    JudgeAll(unused_end_, end, JudgeScope::kRuntimeOnly, round.moment, found_);
    round.doomed.Judge(round.moment, found_);
  }

  // Reports that the runtime refused what it must do, and sends the victims home.
  void Refused(DoomedRound& round, std::string_view what) {
    found_.Add("finalization", absl::StrFormat("%s was refused (%s)", what, round.moment));
    // relaxed: a flag; a late reader does one batch more.
    round.give_up.store(1, std::memory_order_relaxed);
    round.parked.Open();
  }

  const int threads_;
  const int64_t rounds_;
  const int64_t batches_;
  const std::string_view strike_name_;
  Observation unused_end_;
  ViolationList found_;
  int64_t rounds_done_ = 0;
};

}  // namespace

extern const ScenarioDeclaration kForeignFinalizeDeclaration = {
    .name = "foreign-finalize",
    .summary =
        "Thread states and whole interpreters are cleared and destroyed "
        "by a thread that does not own them.",
    .stresses =
        "clearing and deleting foreign thread states, finalization "
        "while threads run, memory that outlives its thread",
    .method =
        "Each of `rounds` rounds makes an interpreter and `threads` "
        "threads that share a list in it. After some work the finalizing "
        "thread strikes, in one of these ways: it clears and deletes the "
        "detached thread states one by one; or finalizes the interpreter "
        "while all threads run, being attached to it, attached elsewhere "
        "or attached nowhere; or finalizes a whole runtime of its own. "
        "Live objects, queued merges and delayed frees are outstanding "
        "each time.",
    .holds_if =
        "each interpreter ends exactly as an unused one does, every "
        "finalizer ran once, and every late thread is refused",
    .exercises =
        "finalization, foreign clear and delete, both parties of a "
        "thread state, merge queues, delayed free, parked heap "
        "bundles",
    .parameters = kParameters,
    .rounds_parameter = "rounds",
    .create = &CreateScenario<ForeignFinalize>,
};

}  // namespace stressd::host
