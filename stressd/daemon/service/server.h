// The gRPC server: services, health, reflection, addresses, the end.
//
// Model.  Start() listens and serves. At the end StopServing() tells health
// watchers, while reading calls still work and watchers see their runs end;
// Shutdown() then refuses calls, ends streams, waits for the calls in flight
// and only then gives the transport a short deadline: an idle client's channel
// would otherwise hold it up for the whole of it.
// Thread safety.  The thread that owns it.
#ifndef STRESSD_DAEMON_SERVICE_SERVER_H_
#define STRESSD_DAEMON_SERVICE_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stressd/daemon/findings/finding_store.h"
#include "stressd/daemon/runs/host_view.h"
#include "stressd/daemon/runs/run_manager.h"
#include "stressd/daemon/runs/soak_manager.h"
#include "stressd/daemon/service/listen_address.h"
#include "stressd/daemon/service/status_service.h"

namespace stressd::service {

// Not owned; all outlive the server.
struct ServerParts {
  runs::RunManager* runs = nullptr;
  runs::SoakManager* soaks = nullptr;
  runs::HostView* hosts = nullptr;
  findings::FindingStore* findings = nullptr;
  StatusService::StoreUsageCallback store_usage;  // May be null.
};

class Server {
 public:
  // `info.addresses` is filled in. FailedPreconditionError names the address
  // that cannot be listened on.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerParts& parts,
                                                       const std::vector<ListenAddress>& addresses,
                                                       DaemonInfo info);
  // Shuts down.
  ~Server();

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Where it listens, with the ports that were chosen.
  const std::vector<std::string>& addresses() const;

  // Health says NOT_SERVING from now on. Idempotent.
  void StopServing();

  // Ends every call within about `timeout`. Idempotent.
  void Shutdown(absl::Duration timeout);

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_SERVER_H_
