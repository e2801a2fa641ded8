// One host as those see it who feed and watch it, however it was started.
//
// Model.  An ending is a wait status, or "lost" when its parent, the fork
// server, ended before it could tell.
// Thread safety.  One thread at a time.
#ifndef STRESSD_DAEMON_SUPERVISOR_HOST_PROCESS_H_
#define STRESSD_DAEMON_SUPERVISOR_HOST_PROCESS_H_

#include <sys/types.h>

#include <optional>

#include "absl/time/time.h"
#include "stressd/daemon/supervisor/host_channel.h"

namespace stressd::supervisor {

struct HostExit {
  bool lost = false;
  int wait_status = 0;  // Unless lost.
};

class HostProcess {
 public:
  virtual ~HostProcess() = default;

  virtual pid_t pid() const = 0;
  virtual HostChannel& channel() = 0;

  // Waits for its end; nothing after `timeout`.
  virtual std::optional<HostExit> AwaitExit(absl::Duration timeout) = 0;

  // Kills it with what it forked, waits and reaps. Harmless after its end.
  virtual HostExit Kill() = 0;
};

}  // namespace stressd::supervisor

#endif  // STRESSD_DAEMON_SUPERVISOR_HOST_PROCESS_H_
