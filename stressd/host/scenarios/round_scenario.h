// RoundScenario: the frame of the scenarios that stress one system in rounds.
//
// Model.  A round is BeginRound() on the main thread, Work() on `threads` OS
//   threads, EndRound() on the main thread, then one stop of the world. Workers
//   have no thread state of their own: Work() makes what it needs. A run without
//   a duration makes up to eight times the declared rounds until all that was
//   required (Require()) has been reached. After the last round DropAll() lets go
//   of what the places hold.
// Invariants.  RS-1: DropAll() runs once Run() has begun, whatever failed. RS-2:
//   between two rounds only the main thread is attached.
// Thread safety.  Work(), Breathe(), found(): any worker. The rest: the main
//   thread.
// Fork.  Not for scenarios that fork.

#ifndef STRESSD_HOST_SCENARIOS_ROUND_SCENARIO_H_
#define STRESSD_HOST_SCENARIOS_ROUND_SCENARIO_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "runtime/runtime.h"
#include "runtime/stats/counter.h"
#include "runtime/stats/counter_block.h"
#include "stressd/host/scenario/parameters.h"
#include "stressd/host/scenario/prng.h"
#include "stressd/host/scenario/scenario.h"
#include "stressd/host/scenario/scenario_context.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

class RoundScenario : public Scenario {
 public:
  absl::Status Run(ScenarioContext& context) final;
  void Check(const ScenarioContext& context, ViolationList& out) const final;

 protected:
  // Of a scenario that declares `threads` and `rounds`. Sanitizers make fewer
  // rounds, but not fewer than `least_rounds`.
  explicit RoundScenario(const Parameters& parameters, int64_t least_rounds = 1);

  virtual absl::Status BeginRound(ScenarioContext&) { return absl::OkStatus(); }
  virtual absl::Status Work(ScenarioContext& context, Worker& worker) = 0;
  virtual absl::Status EndRound(ScenarioContext&) { return absl::OkStatus(); }
  virtual void DropAll(ScenarioContext&) {}
  // Judges and measures when everything is dropped, before the run is at rest.
  virtual void Conclude(ScenarioContext&) {}

  // Declares that a run in which `counter` did not grow has not reached `what`.
  void Require(rt::Counter counter, std::string_view what);
  // By how much `counter` grew during Run(). In Conclude().
  int64_t Grown(rt::Counter counter) const;

  // In EndRound(), of a scenario that drops and judges everything now and then: true
  // in every `every`-th round and in the last of a run that is out of time.
  bool ClosesRound(const ScenarioContext& context, int64_t every) const;

  int threads() const { return threads_; }
  int64_t rounds_done() const { return rounds_done_; }
  ViolationList& found() { return found_; }

 private:
  struct Requirement {
    rt::Counter counter;
    std::string_view what;
  };

  absl::Status RunRound(ScenarioContext& context);
  bool HasReachedAll(const ScenarioContext& context);

  const int threads_;
  const int64_t rounds_;
  std::vector<Requirement> requirements_;
  rt::CounterTotals before_;
  rt::CounterTotals after_;
  ViolationList found_;
  int64_t rounds_done_ = 0;
};

// What a worker returns when the runtime core refuses.
absl::Status NoMemory();
absl::Status WasShutDown();

// Stops and starts the world, so that the checks of a stopped world happen.
absl::Status Pause(rt::ThreadState& thread);

// Reaches a safe point; one time in `pause_one_in` a Pause().
absl::Status Breathe(rt::ThreadState& thread, Prng& prng, uint64_t pause_one_in = 16);

// Gives the processor to others while the caller is attached and reaches no safe
// point: what they drop of its objects meanwhile is queued for it.
void Dawdle();

// Clears and deletes the current thread state.
void Leave(rt::ThreadState& thread);

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_ROUND_SCENARIO_H_
