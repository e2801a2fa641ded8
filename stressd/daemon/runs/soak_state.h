// A soak that has not ended, as its manager keeps it.
//
// Thread safety.  Guarded by the manager's mutex.
#ifndef STRESSD_DAEMON_RUNS_SOAK_STATE_H_
#define STRESSD_DAEMON_RUNS_SOAK_STATE_H_

#include <chrono>
#include <cstdint>
#include <set>

#include "absl/time/time.h"
#include "stressd/daemon/runs/run.h"
#include "stressd/daemon/runs/scenario_catalog.h"
#include "stressd/daemon/runs/soak.h"

namespace stressd::runs {

using SoakClock = std::chrono::steady_clock;

// True for kFinished and kStopped.
bool HasEnded(SoakState state);

// Counts a finished run of the soak: K2, K4. Returns true if it is a canary
// that did not get the verdict that its flavor must give.
bool CountSoakRun(const RunRecord& run, const ScenarioCatalog& catalog, SoakRecord& record);

// A soak that has not ended.
struct ActiveSoak {
  SoakRecord record;
  SoakState end_state = SoakState::kFinished;  // What kStopping leads to.
  std::set<int64_t> run_ids;                   // Queued or running.
  int starting_count = 0;                      // Inside RunManager::CreateRun().
  std::set<int64_t> finished_early;            // Finished before it returned.
  SoakClock::time_point resume_time;
  absl::Duration elapsed_before = absl::ZeroDuration();  // By earlier daemons.
  absl::Duration stored_elapsed = absl::ZeroDuration();
  SoakClock::time_point next_time;  // No step before this.

  void UpdateElapsed() {
    record.elapsed = elapsed_before + absl::FromChrono(SoakClock::now() - resume_time);
  }

  // How many more steps may begin now: K1.
  int64_t step_limit() const {
    return record.plan.concurrent_run_count - static_cast<int64_t>(run_ids.size()) - starting_count;
  }
};

}  // namespace stressd::runs

#endif  // STRESSD_DAEMON_RUNS_SOAK_STATE_H_
