// Perturbation: carries out a plan while a run works.
//
// Model.  Start() installs hooks at the schedule points, slow path points and, where
//   the scenario tolerates it, fault points of the runtime core. Each thread of the
//   run has a place: the main thread number 0, worker i number i + 1; a thread
//   without one (and any worker beyond kPlaceCount) is left alone. A place counts the
//   passes of every point and pauses as its PauseSource says. Beside the workers there
//   may be a sender of signals and busy threads, which Stop() joins.
// Invariants.  P1: a place has been paused for at most half of the time since Start(),
//   and for kPausedMaxNs, so that a run ends. P2: on a pass without a pause a thread
//   touches memory of its own place only. P3: after Stop() no hook of this is called
//   by a thread of the run, no helper thread and no changed affinity is left.
// Thread safety.  One Perturbation at a time in a process. Start(), Stop(): the run's
//   main thread, while no worker exists. Enter() and Leave(): the worker's thread.
// Fork.  In a child the forking thread keeps its place; helpers do not exist there.
// Source.  stress by random delays: PCT and DataCollider (see the plan), and
//   ThreadFuzzer of ClickHouse for pauses at locks.
#ifndef STRESSD_HOST_PERTURBATION_PERTURBATION_H_
#define STRESSD_HOST_PERTURBATION_PERTURBATION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "stressd/host/perturbation/pause_source.h"
#include "stressd/protocol/perturbation_plan.h"

namespace stressd::host {

class HelperThreads;

// The main thread's and those of 256 workers, the most that a scenario takes.
inline constexpr size_t kPlaceCount = 257;
// A minute: more than any run of the smoke presets takes as a whole.
inline constexpr int64_t kPausedMaxNs = 60'000'000'000;
// Short runs may pause at once.
inline constexpr int64_t kPausedGraceNs = 2'000'000;

// What was done, over all threads.
struct PerturbationReport {
  int64_t pass_count = 0;
  int64_t pause_count = 0;
  int64_t paused_ns = 0;
  int64_t slow_path_count = 0;
  int64_t failure_count = 0;
  int64_t signal_count = 0;
  struct Point {
    std::string name;
    int64_t pass_count;
  };
  std::vector<Point> points;  // That were reached, most passes first.
};

// How pauses are made. A test puts its own in.
struct PauseActions {
  int64_t (*now_ns)();
  void (*yield)();
  void (*delay)(int64_t duration_ns);
};

class Perturbation {
 public:
  // `injects_failures`: the scenario tolerates allocations that fail.
  Perturbation(const protocol::Plan& plan, uint64_t seed, bool injects_failures);
  ~Perturbation();
  Perturbation(const Perturbation&) = delete;
  Perturbation& operator=(const Perturbation&) = delete;

  // Returns ResourceExhaustedError if a helper thread cannot be made, and does
  // nothing then. A plan without parts costs nothing.
  absl::Status Start();

  // Undoes Start() and returns what was done meanwhile.
  PerturbationReport Stop();

  // The calling thread is from now on worker `index`, or nobody.
  void Enter(int index);
  void Leave();

  // What is carried out: never auto.
  const protocol::Plan& plan() const { return plan_; }

  // Replaces the actions of the process; null: the real ones.
  static void SetActionsForTest(const PauseActions* actions);

 private:
  const protocol::Plan plan_;
  const PausePlan pauses_;
  const uint64_t seed_;
  const bool injects_failures_;
  bool started_ = false;
  std::unique_ptr<HelperThreads> helpers_;
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_PERTURBATION_PERTURBATION_H_
