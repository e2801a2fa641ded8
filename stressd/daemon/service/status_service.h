// stressd.v1.StatusService: the daemon about itself.
#ifndef STRESSD_DAEMON_SERVICE_STATUS_SERVICE_H_
#define STRESSD_DAEMON_SERVICE_STATUS_SERVICE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/stressd/v1/status.grpc.pb.h"
#include "stressd/daemon/runs/host_view.h"
#include "stressd/daemon/runs/run_manager.h"
#include "stressd/daemon/service/unary_call.h"
#include "stressd/daemon/store/store.h"

namespace stressd::service {

// What does not change while a daemon lives.
struct DaemonInfo {
  std::string version;
  std::string build_id;
  std::string state_folder;
  absl::Time start_time;
  std::vector<std::string> addresses;
};

class StatusService final : public v1::StatusService::CallbackService {
 public:
  using StoreUsageCallback = std::function<absl::StatusOr<store::StoreUsage>()>;

  // `runs` and `hosts` are not owned. `usage` may be null.
  StatusService(const CallParts& parts, runs::RunManager* runs, runs::HostView* hosts,
                StoreUsageCallback usage)
      : parts_(parts), runs_(runs), hosts_(hosts), usage_(std::move(usage)) {}

  // Before the server serves.
  void set_info(DaemonInfo info) { info_ = std::move(info); }

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::GetStatusRequest* request,
                                      v1::DaemonStatus* response) override;

 private:
  grpc::Status Get(v1::DaemonStatus& response);

  const CallParts parts_;
  runs::RunManager* const runs_;
  runs::HostView* const hosts_;
  const StoreUsageCallback usage_;
  DaemonInfo info_;
};

// Resident memory of this process, 0 if it is not known.
int64_t OwnRssBytes();

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_STATUS_SERVICE_H_
