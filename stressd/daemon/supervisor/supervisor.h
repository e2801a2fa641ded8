// The supervisor of runtime hosts: spawn, feed, watch, kill, reap, classify.
//
// Model.  Per flavor one resident host, started on demand and replaced after
// any verdict but PASSED, and one fork server whose children are the fresh
// hosts. Execute() takes one of them through one run; whatever the host does
// becomes the verdict. The daemon notices no more of a host than its end.
// Invariants.  U1: after Shutdown() no host, no fork server, no process that
// one of them forked, and no memory or descriptor of theirs is left. U2: a
// resident host executes one run at a time.  U3: every host of a flavor has the
// build id that Start() saw.
// Thread safety.  Any thread after Start(). Lock order: a flavor's
// resident_mutex, then its server_mutex; live_mutex_ and the spawner's are
// leaves.
// Fork.  Makes the daemon the subreaper of its descendants, so that orphans of
// a killed host are reaped here.
#ifndef STRESSD_DAEMON_SUPERVISOR_SUPERVISOR_H_
#define STRESSD_DAEMON_SUPERVISOR_SUPERVISOR_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "stressd/daemon/runs/executor.h"
#include "stressd/daemon/runs/host_view.h"
#include "stressd/daemon/runs/limits.h"
#include "stressd/daemon/runs/log_sink.h"
#include "stressd/daemon/runs/scenario_catalog.h"
#include "stressd/daemon/supervisor/host_binary.h"

namespace stressd::supervisor {

struct SupervisorOptions {
  std::vector<HostBinary> hosts;  // One per flavor, at least one.
  runs::Limits limits;
  // Of a host, from exec to Hello; a TSan binary on a loaded machine is slow.
  absl::Duration start_timeout = absl::Seconds(30);
  // From a result, or from closing its socket, to a host's exit; times the
  // flavor's factor.
  absl::Duration exit_timeout = absl::Seconds(15);
  // A host that is asked to end; times the flavor's factor.
  absl::Duration stop_grace = absl::Seconds(5);
  std::string stack_program = "/usr/bin/eu-stack";
  absl::Duration stack_timeout = absl::Seconds(20);
};

// How much slower and larger a flavor is than plain; 1 for unknown ones.
struct FlavorFactors {
  int64_t time = 1;
  int64_t memory = 1;
};
FlavorFactors FactorsOf(absl::string_view flavor);

class Supervisor final : public runs::Executor, public runs::HostView {
 public:
  // `log` is not owned.
  Supervisor(SupervisorOptions options, runs::LogSink* log);
  // Shuts down.
  ~Supervisor() override;

  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Starts a fork server per flavor and returns what they can execute.
  // UnavailableError, naming the program, if one does not start. Once.
  absl::StatusOr<runs::ScenarioCatalog> Start();

  runs::RunOutcome Execute(const runs::RunRecord& run, const runs::CancelToken& cancel,
                           const ProgressCallback& on_progress) override;

  std::vector<runs::HostSample> SampleHosts() override;
  absl::StatusOr<runs::HostSample> SampleResident(absl::string_view flavor) override;
  absl::StatusOr<runs::HostBalance> Snapshot(absl::string_view flavor,
                                             absl::Duration timeout) override;

  // Stops every host. No Execute() may be under way or begin. Idempotent.
  void Shutdown();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace stressd::supervisor

#endif  // STRESSD_DAEMON_SUPERVISOR_SUPERVISOR_H_
