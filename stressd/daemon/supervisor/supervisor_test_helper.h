// A supervisor over fake hosts, and runs for it.
#ifndef STRESSD_DAEMON_SUPERVISOR_SUPERVISOR_TEST_HELPER_H_
#define STRESSD_DAEMON_SUPERVISOR_SUPERVISOR_TEST_HELPER_H_

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "stressd/daemon/runs/executor.h"
#include "stressd/daemon/runs/log_sink.h"
#include "stressd/daemon/runs/run.h"
#include "stressd/daemon/supervisor/supervisor.h"

namespace stressd::supervisor {

// Flavors plain and tsan, both the fake host. Patient: on a loaded machine, too,
// no host that does what it should is taken for one that hangs.
SupervisorOptions FakeHostOptions();

// The same with short deadlines, for hosts that keep the supervisor waiting.
SupervisorOptions ImpatientOptions();

// A run of behaviour `name` (fake_host.cc).
runs::RunRecord FakeRun(const std::string& name, runs::HostKind kind);

// Executes it to its end.
runs::RunOutcome ExecuteFake(Supervisor& supervisor, const runs::RunRecord& run);

// Executes it and ends its host with SIGKILL as soon as it is in its run phase.
runs::RunOutcome ExecuteAndKill(Supervisor& supervisor, const runs::RunRecord& run);

// Waits, from another thread, until a run has made progress in a host.
class ProgressGate {
 public:
  runs::Executor::ProgressCallback callback();
  // Returns once the host's phase is "run", or after Open().
  void AwaitRunPhase();
  // The run has ended: nothing more to wait for.
  void Open();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool in_run_phase_ = false;
};

// What this process has open: it grows when something leaks.
struct Footprint {
  int64_t fd_count = 0;
  int64_t shared_mapping_count = 0;  // Black boxes.
  std::vector<int> children;         // All descendants reparented to us, too.

  static Footprint Take();
};

}  // namespace stressd::supervisor

#endif  // STRESSD_DAEMON_SUPERVISOR_SUPERVISOR_TEST_HELPER_H_
