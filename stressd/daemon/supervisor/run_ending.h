// What is done with a host after its drive: let it exit or kill it, collect its
// last words, and judge.
//
// Thread safety.  One thread per host.
#ifndef STRESSD_DAEMON_SUPERVISOR_RUN_ENDING_H_
#define STRESSD_DAEMON_SUPERVISOR_RUN_ENDING_H_

#include <string>

#include "absl/time/time.h"
#include "stressd/daemon/runs/run.h"
#include "stressd/daemon/supervisor/host_process.h"
#include "stressd/daemon/supervisor/process_spawner.h"
#include "stressd/daemon/supervisor/run_driver.h"

namespace stressd::supervisor {

struct EndingOptions {
  // A resident host that told its result goes on.
  bool stays_alive = false;
  absl::Duration exit_timeout;
  std::string stack_program;
  absl::Duration stack_timeout;
};

// Ends `host` (unless it stays alive) and returns the outcome, complete but for
// the build id.
runs::RunOutcome EndRun(HostProcess& host, DriveReport drive, ProcessSpawner& spawner,
                        const EndingOptions& options);

}  // namespace stressd::supervisor

#endif  // STRESSD_DAEMON_SUPERVISOR_RUN_ENDING_H_
