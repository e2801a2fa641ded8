// Soaks: long schedules of runs, by weight, over scenarios, flavors and
// parameters.
//
// Model.  A plan names entries; each step draws an entry by weight and one of
// its flavors, and executes one run. A continuous soak begins the next step
// when a run has finished; an interval soak begins a step per interval and
// skips those it is late for. It ends when its duration is over or it is
// stopped. Step n is a function of the plan's seed and n alone.
// Invariants.  K1: at most `concurrent_run_count` runs of a soak are queued or
// running.  K2: the record's tallies count the finished runs of the soak (less
// those that finished in the instant before the daemon was killed).  K4: a
// canary's run is in the canary counts alone, never in tallies or findings.
// Thread safety.  Plain values.
#ifndef STRESSD_DAEMON_RUNS_SOAK_H_
#define STRESSD_DAEMON_RUNS_SOAK_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "stressd/daemon/runs/verdict.h"

namespace stressd::runs {

struct SoakEntry {
  std::string scenario;
  std::vector<std::string> flavors;  // At least one.
  std::map<std::string, std::string> parameters;
  int64_t weight = 1;                                  // [1, 1000]
  absl::Duration run_duration = absl::ZeroDuration();  // Per run.
  HostKind host_kind = HostKind::kResident;

  bool operator==(const SoakEntry&) const = default;
};

struct SoakPlan {
  std::string name;  // Lower case letters, digits, dashes; at most 63.
  // Zero: continuous. Else a step per interval.
  absl::Duration interval = absl::ZeroDuration();
  absl::Duration duration = absl::ZeroDuration();  // Zero: until stopped.
  uint64_t seed = 0;                               // Zero: drawn when it starts.
  int32_t concurrent_run_count = 1;                // [1, 16]
  // How its runs are perturbed, as RunSpec::plan; auto: each by its own seed.
  std::string run_plan = "auto";
  // A canary takes every so many steps, the first one included; 0: none. [0, 1000000]
  int32_t canary_step_count = 50;
  std::vector<SoakEntry> entries;

  bool operator==(const SoakPlan&) const = default;
};

enum class SoakState {
  kUnspecified = 0,
  kActive = 1,
  kStopping = 2,  // Waits for its last runs.
  kFinished = 3,  // Its duration is over.
  kStopped = 4,   // By a client.
};

absl::string_view SoakStateName(SoakState state);

// Results of one entry in one flavor.
struct SoakTally {
  std::string scenario;
  std::string flavor;
  int64_t run_count = 0;
  std::map<Verdict, int64_t> verdict_counts;
  int64_t operation_count = 0;
  absl::Duration busy = absl::ZeroDuration();  // Sum of the runs' times.
};

struct SoakRecord {
  int64_t id = 0;
  SoakPlan plan;
  SoakState state = SoakState::kActive;
  absl::Time create_time;
  absl::Time end_time;                            // Unix epoch until it ended.
  absl::Duration elapsed = absl::ZeroDuration();  // Active time, over restarts.
  int64_t step_count = 0;     // Steps begun, in all flavors: positions the draw.
  int64_t skipped_count = 0;  // Steps an interval soak was too late for.
  int64_t restart_count = 0;  // Daemon restarts it lived through.
  int64_t last_run_id = 0;
  int64_t last_finding_run_id = 0;
  int64_t canary_run_count = 0;         // Judged canaries: neither ERROR nor CANCELLED.
  int64_t silent_canary_run_count = 0;  // Of those, without their verdict.
  int64_t last_silent_canary_run_id = 0;
  std::vector<SoakTally> tallies;
};

}  // namespace stressd::runs

#endif  // STRESSD_DAEMON_RUNS_SOAK_H_
