// stressd.v1.CounterService over the view of the hosts.
#ifndef STRESSD_DAEMON_SERVICE_COUNTER_SERVICE_H_
#define STRESSD_DAEMON_SERVICE_COUNTER_SERVICE_H_

#include "proto/stressd/v1/counters.grpc.pb.h"
#include "stressd/daemon/runs/host_view.h"
#include "stressd/daemon/runs/scenario_catalog.h"
#include "stressd/daemon/service/unary_call.h"

namespace stressd::service {

class CounterService final : public v1::CounterService::CallbackService {
 public:
  // `hosts` and `catalog` are not owned.
  CounterService(const CallParts& parts, runs::HostView* hosts,
                 const runs::ScenarioCatalog* catalog)
      : parts_(parts), hosts_(hosts), catalog_(catalog) {}

  grpc::ServerUnaryReactor* GetCounters(grpc::CallbackServerContext* context,
                                        const v1::GetCountersRequest* request,
                                        v1::GetCountersResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchCountersResponse>* WatchCounters(
      grpc::CallbackServerContext* context, const v1::WatchCountersRequest* request) override;
  grpc::ServerUnaryReactor* GetBalance(grpc::CallbackServerContext* context,
                                       const v1::GetBalanceRequest* request,
                                       v1::Balance* response) override;

 private:
  const CallParts parts_;
  runs::HostView* const hosts_;
  const runs::ScenarioCatalog* const catalog_;
};

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_COUNTER_SERVICE_H_
