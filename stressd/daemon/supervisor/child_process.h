// A child of the daemon: wait for it, kill it, reap it.
//
// Model.  A pidfd tells when it has ended without taking its status; waitpid()
// takes the status once. Whoever holds the object is the only one who waits.
// Invariants.  C1: its pid is not signalled after it was reaped.  C2: the
// destructor kills and reaps, so no child outlives its owner.
// Thread safety.  One thread at a time.
#ifndef STRESSD_DAEMON_SUPERVISOR_CHILD_PROCESS_H_
#define STRESSD_DAEMON_SUPERVISOR_CHILD_PROCESS_H_

#include <sys/types.h>

#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stressd/protocol/file_descriptor.h"

namespace stressd::supervisor {

class ChildProcess {
 public:
  ChildProcess() = default;
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  // Takes over our child `pid`, which leads a process group. Kills it if there
  // is no pidfd for it.
  static absl::StatusOr<ChildProcess> Adopt(pid_t pid);

  pid_t pid() const { return pid_; }

  // Waits until it has ended and returns its wait status, the same one again
  // later; nothing after `timeout`.
  std::optional<int> Wait(absl::Duration timeout);

  // Kills its process group and reaps all of it. Returns its wait status.
  int KillAndReap();

 private:
  pid_t pid_ = 0;
  protocol::FileDescriptor pidfd_;
  std::optional<int> wait_status_;
};

// Kills what is left of process group `group` and reaps the members that are
// our children: those orphaned by their leader, if we are their subreaper.
// Returns false if some were still there after two seconds.
bool KillAndReapGroup(pid_t group);

}  // namespace stressd::supervisor

#endif  // STRESSD_DAEMON_SUPERVISOR_CHILD_PROCESS_H_
