// LitmusScenario: the frame of the litmus scenarios, one per delicate hand-over of
// the runtime core.
//
// Model.  A stride loop. Two or more persistent threads, the parties, with a thread
//   state each. The first party, the owner, prepares a stride of 256 states; all meet
//   at one barrier and strike each state once, in the same order, each with a start
//   and a pace of its own that the seed draws; the owner waits for the others, reaches
//   a safe point and judges every state. Each sample counts for one outcome:
//     acceptable   allowed, and expected all the time
//     interesting  allowed, and the proof that the two sides met: must be reached
//     forbidden    one is a violation
//   A run that has done its work, its strides or its duration, but not yet seen every
//   interesting outcome goes on for at most `patience`; if that does not help either
//   it is inconclusive. The histogram is among the run's measurements, <outcome>_count
//   each.
// Invariants.  LT-1: Prepare() and Judge() run while no other party strikes. LT-2:
//   Strike() runs once per party and state of a stride. LT-3: what waits reaches safe
//   points meanwhile.
// Thread safety.  Strike(): every party at once. The rest: as LT-1.
// Fork.  Not for scenarios that fork.
// Source.  OpenJDK jcstress, as an idea.

#ifndef STRESSD_HOST_SCENARIOS_LITMUS_SCENARIO_H_
#define STRESSD_HOST_SCENARIOS_LITMUS_SCENARIO_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "runtime/base/atomic.h"
#include "runtime/base/cache_line.h"
#include "runtime/runtime.h"
#include "stressd/host/scenario/parameters.h"
#include "stressd/host/scenario/prng.h"
#include "stressd/host/scenario/scenario.h"
#include "stressd/host/scenario/scenario_context.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

// What every litmus scenario declares.
inline constexpr ParameterSpec kLitmusParameters[] = {
    IntParameter("strides", 2000, 1, 1'000'000'000,
                 "Strides of 256 samples each; fewer under sanitizers."),
    // 10 s: what is reached within 10 ms on two idle processors takes seconds where the
    // two parties hardly ever run at the same time.
    DurationParameter("patience", absl::Seconds(10), absl::ZeroDuration(), absl::Hours(1),
                      "How much longer a run may take to see every interesting outcome; more "
                      "under sanitizers."),
};

class LitmusScenario : public Scenario {
 public:
  // 256: long against the barrier, short enough for the caches.
  static constexpr size_t kStrideStates = 256;

  absl::Status Run(ScenarioContext& context) final;
  void Check(const ScenarioContext& context, ViolationList& out) const final;

 protected:
  enum class Grade : uint8_t { kAcceptable, kInteresting, kForbidden };

  struct Outcome {
    std::string_view name;  // snake_case.
    Grade grade;
    std::string_view meaning;  // Half a sentence.
  };

  struct Party {
    ScenarioContext& context;
    rt::ThreadState& state;
    Prng& prng;
    int index;              // 0: the owner.
    bool striking = false;  // Read by destructors that run on this thread.
  };

  // `outcomes` is a constant of the scenario; Judge() returns an index into it.
  LitmusScenario(const Parameters& parameters, absl::Span<const Outcome> outcomes,
                 int party_count = 2);

  // Once, on the owner's thread, before the first and after the last stride. End()
  // runs after a Begin() that failed as well, and may report what it finds.
  virtual absl::Status Begin(Party& owner) {
    (void)owner;
    return absl::OkStatus();
  }
  virtual void End(Party& owner, ViolationList& out) {
    (void)owner;
    (void)out;
  }

  // Before the strikes of a stride: all states, or one by one.
  virtual absl::Status PrepareStride(Party& owner);
  virtual absl::Status Prepare(Party& owner, size_t state) {
    (void)owner;
    (void)state;
    return absl::OkStatus();
  }
  virtual void Strike(Party& party, size_t state) = 0;
  // For the moments of a strike in which the other side must come to be seen: passes
  // up to `turns` turns of a spin loop and now and then gives the processor away, so
  // that the two sides meet even where they never run at the same time.
  static void Linger(Party& party, uint64_t turns = 0);
  // After the strikes: once, then for each state.
  virtual absl::Status SettleStride(Party& owner) {
    (void)owner;
    return absl::OkStatus();
  }
  virtual size_t Judge(Party& owner, size_t state) = 0;

 private:
  absl::Status BeOwner(Party& owner);
  absl::Status MakeStride(Party& owner);
  absl::Status BeStriker(Party& party);
  void StrikeAll(Party& party);
  // True when the loop is to go on.
  bool GoesOn(const ScenarioContext& context);
  bool SawEverything() const;
  void Measure(ScenarioContext& context, int64_t duration_ns) const;

  const absl::Span<const Outcome> outcomes_;
  const int party_count_;
  const int64_t strides_;
  const absl::Duration patience_;

  // Written by the owner, with the others at the barrier.
  std::vector<int64_t> histogram_;
  ViolationList found_;
  int64_t strides_done_ = 0;
  absl::Duration work_end_ = absl::InfiniteDuration();  // When the patience began.
  int pace_ = 0;                                        // Turns between two strikes, at most.

  // The number of the stride under way, or kOver.
  static constexpr uint32_t kOver = UINT32_MAX;
  alignas(rt::kCacheLineBytes) rt::Atomic<uint32_t> stride_{0};
  // Parties that have struck everything.
  alignas(rt::kCacheLineBytes) rt::Atomic<uint32_t> arrived_{0};
  rt::Atomic<uint32_t> failed_{0};  // A party that does not come any more.
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_LITMUS_SCENARIO_H_
