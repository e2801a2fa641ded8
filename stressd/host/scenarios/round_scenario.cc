#include "stressd/host/scenarios/round_scenario.h"

#include <algorithm>
#include <string>

#include "runtime/base/futex.h"
#include "stressd/host/scenario/load_scale.h"
#include "stressd/host/scenario/round_loop.h"

namespace stressd::host {
namespace {

// 64: each other thread of a loaded machine gets its turn.
constexpr int kDawdleTurns = 64;
// 8: on a loaded machine a thread may not get its turn in all declared rounds.
constexpr int64_t kPatience = 8;

}  // namespace

RoundScenario::RoundScenario(const Parameters& parameters, int64_t least_rounds)
    : threads_(static_cast<int>(parameters.GetInt("threads"))),
      rounds_(ScaledLoad(parameters.GetInt("rounds"), least_rounds)) {}

absl::Status RoundScenario::Run(ScenarioContext& context) {
  context.interpreter().ReadCounters(&before_);
  absl::Status status;
  RoundLoop loop(context, context.prng(), rounds_ * kPatience);
  while (status.ok() && loop.Next()) {
    status = RunRound(context);
    if (status.ok()) ++rounds_done_;
    if (!context.has_duration() && rounds_done_ >= rounds_ && HasReachedAll(context)) break;
  }
  // A thread state that was shut down is not ours any more.
  if (rt::CurrentThreadState() == &context.main_thread()) DropAll(context);
  context.interpreter().ReadCounters(&after_);
  Conclude(context);
  context.Measure("rounds_count", rounds_done_);
  return status;
}

absl::Status RoundScenario::RunRound(ScenarioContext& context) {
  absl::Status status = BeginRound(context);
  if (!status.ok()) return status;
  status = context.RunWorkers(threads_, [&](Worker& worker) { return Work(context, worker); });
  if (!status.ok()) return status;
  status = EndRound(context);
  if (!status.ok()) return status;
  // The main thread answers what the round's threads asked of it.
  if (!rt::SafePoint(context.main_thread())) return WasShutDown();
  return Pause(context.main_thread());
}

void RoundScenario::Check(const ScenarioContext&, ViolationList& out) const {
  out.Append(found_);
  if (rounds_done_ == 0) {
    out.AddUnreached("no round was completed");
    return;
  }
  for (const Requirement& requirement : requirements_) {
    if (Grown(requirement.counter) == 0) out.AddUnreached(std::string(requirement.what));
  }
}

void RoundScenario::Require(rt::Counter counter, std::string_view what) {
  requirements_.push_back({counter, what});
}

bool RoundScenario::HasReachedAll(const ScenarioContext& context) {
  context.interpreter().ReadCounters(&after_);
  return std::all_of(
      requirements_.begin(), requirements_.end(),
      [this](const Requirement& requirement) { return Grown(requirement.counter) != 0; });
}

bool RoundScenario::ClosesRound(const ScenarioContext& context, int64_t every) const {
  return (rounds_done_ + 1) % every == 0 || context.ShouldStop();
}

int64_t RoundScenario::Grown(rt::Counter counter) const {
  return after_.Get(counter) - before_.Get(counter);
}

absl::Status NoMemory() {
  return absl::ResourceExhaustedError("the runtime core is out of memory");
}

absl::Status WasShutDown() { return absl::AbortedError("the thread state was shut down"); }

absl::Status Pause(rt::ThreadState& thread) {
  if (!rt::StopTheWorld(thread, rt::StopScope::kInterpreter)) return WasShutDown();
  rt::StartTheWorld(thread);
  return absl::OkStatus();
}

absl::Status Breathe(rt::ThreadState& thread, Prng& prng, uint64_t pause_one_in) {
  if (prng.Chance(1, pause_one_in)) return Pause(thread);
  return rt::SafePoint(thread) ? absl::OkStatus() : WasShutDown();
}

void Dawdle() {
  for (int turn = 0; turn < kDawdleTurns; ++turn) rt::SpinBriefly(turn);
}

void Leave(rt::ThreadState& thread) {
  rt::ClearThreadState(thread, thread);
  rt::DeleteThreadState(thread, thread);
}

}  // namespace stressd::host
