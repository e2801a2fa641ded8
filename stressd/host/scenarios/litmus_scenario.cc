#include "stressd/host/scenarios/litmus_scenario.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <thread>

#include "absl/strings/str_format.h"
#include "runtime/base/clock.h"
#include "runtime/base/futex.h"
#include "stressd/host/scenario/load_scale.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

// 40: enough that most hand-overs happen at least once where threads are slow.
constexpr int64_t kLeastStrides = 40;
// A party begins up to so many turns of a spin loop after the barrier: a few times
// what a strike takes.
constexpr uint64_t kLatestStart = 256;
// How many turns a party lets pass between two strikes, at most, by stride: the same
// rhythm on all sides, or rhythms that drift past each other.
constexpr int kPaces[] = {0, 0, 4, 32};

// 256: about once in a stride, so a stride costs one switch more on a busy machine.
constexpr uint64_t kGiveWayOneIn = 256;

void Relax(uint64_t turns) {
  for (uint64_t turn = 0; turn < turns; ++turn) rt::CpuRelax();
}

}  // namespace

LitmusScenario::LitmusScenario(const Parameters& parameters, absl::Span<const Outcome> outcomes,
                               int party_count)
    : outcomes_(outcomes),
      party_count_(party_count),
      strides_(ScaledLoad(parameters.GetInt("strides"), kLeastStrides)),
      patience_(parameters.GetDuration("patience") * kPatienceFactor),
      histogram_(outcomes.size()) {}

absl::Status LitmusScenario::Run(ScenarioContext& context) {
  const int64_t start_ns = rt::MonotonicNanoseconds();
  const absl::Status status = context.RunWorkers(party_count_, [&](Worker& worker) {
    rt::ScopedThreadState thread(context.interpreter());
    absl::Status result = NoMemory();
    if (thread) {
      Party party{context, *thread, worker.prng, worker.index};
      result = worker.index == 0 ? BeOwner(party) : BeStriker(party);
    }
    // relaxed: nothing follows from it but the end.
    if (!result.ok()) failed_.store(1, std::memory_order_relaxed);
    return result;
  });
  Measure(context, rt::MonotonicNanoseconds() - start_ns);
  return status;
}

absl::Status LitmusScenario::PrepareStride(Party& owner) {
  for (size_t state = 0; state < kStrideStates; ++state) {
    const absl::Status status = Prepare(owner, state);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status LitmusScenario::BeOwner(Party& owner) {
  absl::Status status = Begin(owner);
  while (status.ok() && GoesOn(owner.context)) {
    status = MakeStride(owner);
    // relaxed: a party that failed has said why.
    if (failed_.load(std::memory_order_relaxed) != 0) break;
  }
  // relaxed: what the strikers see is the end.
  stride_.store(kOver, std::memory_order_relaxed);
  if (!absl::IsAborted(status)) End(owner, found_);
  return status;
}

absl::Status LitmusScenario::MakeStride(Party& owner) {
  absl::Status status = PrepareStride(owner);
  if (!status.ok()) return status;
  pace_ = kPaces[owner.prng.Below(std::size(kPaces))];
  // relaxed: ordered by the store below.
  arrived_.store(0, std::memory_order_relaxed);
  // (LT1) release store, synchronizes with the acquire load (LT2) in BeStriker(): the
  //       states are prepared.
  stride_.store(static_cast<uint32_t>(strides_done_ % (kOver - 1)) + 1, std::memory_order_release);
  StrikeAll(owner);
  // (LT3) acquire load, synchronizes with the release add (LT4) in BeStriker(): we see
  //       every strike.
  for (int turn = 0;
       arrived_.load(std::memory_order_acquire) != static_cast<uint32_t>(party_count_ - 1);
       ++turn) {
    // relaxed: a party that failed will not arrive.
    if (failed_.load(std::memory_order_relaxed) != 0) return absl::OkStatus();
    if (!rt::SafePoint(owner.state)) return WasShutDown();
    rt::SpinBriefly(turn);
  }
  if (!rt::SafePoint(owner.state)) return WasShutDown();
  status = SettleStride(owner);
  if (!status.ok()) return status;
  for (size_t state = 0; state < kStrideStates; ++state) {
    const size_t outcome = Judge(owner, state);
    ++histogram_[outcome];
    // One is enough: the rest of the run would tell nothing more.
    if (outcomes_[outcome].grade == Grade::kForbidden) owner.context.RequestStop();
  }
  ++strides_done_;
  owner.context.progress().Count(kStrideStates);
  return absl::OkStatus();
}

absl::Status LitmusScenario::BeStriker(Party& party) {
  uint32_t last = 0;
  for (;;) {
    uint32_t now = last;
    for (int turn = 0; now == last; ++turn) {
      // (LT2) acquire load, synchronizes with the release store (LT1) in MakeStride().
      now = stride_.load(std::memory_order_acquire);
      if (now != last) break;
      if (!rt::SafePoint(party.state)) return WasShutDown();
      rt::SpinBriefly(turn);
    }
    if (now == kOver) return absl::OkStatus();
    last = now;
    StrikeAll(party);
    if (!rt::SafePoint(party.state)) return WasShutDown();
    // (LT4) release add, synchronizes with the acquire load (LT3) in MakeStride().
    arrived_.fetch_add(1, std::memory_order_release);
  }
}

void LitmusScenario::StrikeAll(Party& party) {
  party.striking = true;
  Relax(party.prng.Below(kLatestStart));
  const uint64_t pace = static_cast<uint64_t>(pace_);
  for (size_t state = 0; state < kStrideStates; ++state) {
    Strike(party, state);
    // So that either side can get ahead of the other.
    Linger(party, pace);
  }
  party.striking = false;
}

void LitmusScenario::Linger(Party& party, uint64_t turns) {
  if (party.prng.Chance(1, kGiveWayOneIn)) std::this_thread::yield();
  if (turns != 0) Relax(party.prng.Below(turns + 1));
}

bool LitmusScenario::GoesOn(const ScenarioContext& context) {
  if (context.IsCancelled()) return false;
  if (strides_done_ == 0) return true;
  if (context.has_duration() ? !context.ShouldStop() : strides_done_ < strides_) return true;
  const absl::Duration now = context.clock().Now();
  work_end_ = std::min(work_end_, now);
  return !SawEverything() && now - work_end_ < patience_;
}

bool LitmusScenario::SawEverything() const {
  for (size_t i = 0; i < outcomes_.size(); ++i) {
    if (outcomes_[i].grade == Grade::kInteresting && histogram_[i] == 0) return false;
  }
  return true;
}

void LitmusScenario::Measure(ScenarioContext& context, int64_t duration_ns) const {
  const int64_t samples = strides_done_ * static_cast<int64_t>(kStrideStates);
  context.Measure("strides_count", strides_done_);
  context.Measure("samples_count", samples);
  if (duration_ns > 0) {
    const double seconds = static_cast<double>(duration_ns) / 1e9;
    context.Measure("samples_per_second",
                    static_cast<int64_t>(static_cast<double>(samples) / seconds));
  }
  for (size_t i = 0; i < outcomes_.size(); ++i) {
    context.Measure(std::string(outcomes_[i].name) + "_count", histogram_[i]);
  }
}

void LitmusScenario::Check(const ScenarioContext&, ViolationList& out) const {
  out.Append(found_);
  const int64_t samples = strides_done_ * static_cast<int64_t>(kStrideStates);
  if (samples == 0) out.AddUnreached("no stride was completed");
  for (size_t i = 0; i < outcomes_.size(); ++i) {
    const Outcome& outcome = outcomes_[i];
    if (outcome.grade == Grade::kForbidden && histogram_[i] != 0) {
      out.Add("litmus", absl::StrFormat("%d of %d samples were %s, which is forbidden: %s",
                                        histogram_[i], samples, outcome.name, outcome.meaning));
    }
    if (samples != 0 && outcome.grade == Grade::kInteresting && histogram_[i] == 0) {
      out.AddUnreached(
          absl::StrFormat("none of %d samples was %s: %s", samples, outcome.name, outcome.meaning));
    }
  }
}

}  // namespace stressd::host
