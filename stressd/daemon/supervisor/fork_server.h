// The daemon's side of a flavor's fork server: a fork per fresh host.
//
// Model.  One thread reads what the fork server says and hands each answer to
// the fresh host that waits for it. When the server is gone, every fresh host
// that had not ended is "lost"; the kernel kills it, since its parent died, and
// we reap it as its subreaper.
// Invariants.  E1: a FreshHost that is destroyed has been killed and reaped.
// Thread safety.  Start() then any thread; each FreshHost: one thread at a
// time. Lock order: mutex_ is a leaf; sending is serialized by send_mutex_,
// before it.
#ifndef STRESSD_DAEMON_SUPERVISOR_FORK_SERVER_H_
#define STRESSD_DAEMON_SUPERVISOR_FORK_SERVER_H_

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stressd/daemon/supervisor/host_process.h"
#include "stressd/daemon/supervisor/process_spawner.h"
#include "stressd/daemon/supervisor/spawned_host.h"

namespace stressd::supervisor {

class ForkServer : public std::enable_shared_from_this<ForkServer> {
 public:
  // Starts the server of `binary`; build_id as in SpawnedHost::Start().
  static absl::StatusOr<std::shared_ptr<ForkServer>> Start(ProcessSpawner& spawner,
                                                           const HostBinary& binary,
                                                           absl::string_view build_id,
                                                           absl::Duration timeout);
  ~ForkServer();

  const std::string& build_id() const { return host_->build_id(); }
  pid_t pid() const { return pid_; }
  // False once the server is gone: no more forks.
  bool alive();

  // Forks a host and waits up to `timeout` for its Hello. UnavailableError if
  // the server is gone or could not fork.
  absl::StatusOr<std::unique_ptr<HostProcess>> Fork(absl::Duration timeout);

  // What the hosts can execute.
  absl::StatusOr<protocol::ScenarioList> Describe(absl::Duration timeout);

  // Asks it to end, kills it after `grace`. Its fresh hosts are lost.
  void Stop(absl::Duration grace);

 private:
  friend class FreshHost;
  struct Child {
    bool answered = false;
    pid_t pid = 0;
    std::string error;
    std::optional<int> wait_status;
  };

  ForkServer(std::unique_ptr<SpawnedHost> host, std::string flavor);

  void ReadLoop();
  void Handle(const protocol::ToDaemon& message);
  absl::Status Send(const protocol::ToHost& message, absl::Span<const int> descriptors);
  // The answer to a ForkFresh; its pid is 0 with an error if there is no child.
  Child AwaitAnswer(int64_t request_id, absl::Duration timeout);
  std::optional<HostExit> AwaitChildExit(int64_t request_id, absl::Duration timeout);
  void Forget(int64_t request_id);

  const std::unique_ptr<SpawnedHost> host_;
  const std::string flavor_;
  const pid_t pid_;
  std::mutex send_mutex_;  // Serializes Send().
  std::mutex mutex_;       // Guards what follows.
  std::condition_variable changed_;
  int64_t next_request_id_ = 1;
  std::map<int64_t, Child> children_;
  std::optional<protocol::ScenarioList> scenarios_;
  bool gone_ = false;
  std::thread reader_;
};

}  // namespace stressd::supervisor

#endif  // STRESSD_DAEMON_SUPERVISOR_FORK_SERVER_H_
