// stressd.v1.SoakService over the manager of soaks.
#ifndef STRESSD_DAEMON_SERVICE_SOAK_SERVICE_H_
#define STRESSD_DAEMON_SERVICE_SOAK_SERVICE_H_

#include "proto/stressd/v1/soak.grpc.pb.h"
#include "stressd/daemon/runs/limits.h"
#include "stressd/daemon/runs/soak_manager.h"
#include "stressd/daemon/service/unary_call.h"

namespace stressd::service {

class SoakService final : public v1::SoakService::CallbackService {
 public:
  // `soaks` is not owned.
  SoakService(const CallParts& parts, runs::SoakManager* soaks, const runs::Limits& limits)
      : parts_(parts), soaks_(soaks), limits_(limits) {}

  grpc::ServerUnaryReactor* StartSoak(grpc::CallbackServerContext* context,
                                      const v1::StartSoakRequest* request,
                                      v1::Soak* response) override;
  grpc::ServerUnaryReactor* GetSoak(grpc::CallbackServerContext* context,
                                    const v1::GetSoakRequest* request, v1::Soak* response) override;
  grpc::ServerUnaryReactor* ListSoaks(grpc::CallbackServerContext* context,
                                      const v1::ListSoaksRequest* request,
                                      v1::ListSoaksResponse* response) override;
  grpc::ServerUnaryReactor* StopSoak(grpc::CallbackServerContext* context,
                                     const v1::StopSoakRequest* request,
                                     v1::Soak* response) override;

 private:
  grpc::Status List(const v1::ListSoaksRequest& request, v1::ListSoaksResponse& response);

  const CallParts parts_;
  runs::SoakManager* const soaks_;
  const runs::Limits limits_;
};

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_SOAK_SERVICE_H_
