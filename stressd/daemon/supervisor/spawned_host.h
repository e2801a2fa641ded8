// A host that the daemon starts by exec: a resident host or a fork server.
//
// Thread safety.  One thread at a time.
#ifndef STRESSD_DAEMON_SUPERVISOR_SPAWNED_HOST_H_
#define STRESSD_DAEMON_SUPERVISOR_SPAWNED_HOST_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stressd/daemon/supervisor/host_binary.h"
#include "stressd/daemon/supervisor/host_process.h"
#include "stressd/daemon/supervisor/process_spawner.h"

namespace stressd::supervisor {

enum class HostMode { kResident, kForkServer };

class SpawnedHost final : public HostProcess {
 public:
  // Starts `binary` and waits up to `timeout` for its Hello. The status holds
  // the host's own words, if it left any, and nothing stays behind.
  static absl::StatusOr<std::unique_ptr<SpawnedHost>> Start(ProcessSpawner& spawner,
                                                            const HostBinary& binary, HostMode mode,
                                                            absl::string_view build_id,
                                                            absl::Duration timeout);
  ~SpawnedHost() override;

  pid_t pid() const override { return child_.pid(); }
  HostChannel& channel() override { return channel_; }
  const std::string& build_id() const { return build_id_; }
  std::optional<HostExit> AwaitExit(absl::Duration timeout) override;
  HostExit Kill() override;

  // Asks it to end and waits up to `grace`, then kills it.
  HostExit Stop(absl::Duration grace);

 private:
  SpawnedHost(HostChannel channel, ChildProcess child)
      : channel_(std::move(channel)), child_(std::move(child)) {}

  HostChannel channel_;
  ChildProcess child_;
  std::string build_id_;
  std::optional<HostExit> exit_;
};

}  // namespace stressd::supervisor

#endif  // STRESSD_DAEMON_SUPERVISOR_SPAWNED_HOST_H_
