// stressd.v1.RunService over the manager of runs.
#ifndef STRESSD_DAEMON_SERVICE_RUN_SERVICE_H_
#define STRESSD_DAEMON_SERVICE_RUN_SERVICE_H_

#include "proto/stressd/v1/run.grpc.pb.h"
#include "stressd/daemon/runs/run_manager.h"
#include "stressd/daemon/service/unary_call.h"

namespace stressd::service {

class RunService final : public v1::RunService::CallbackService {
 public:
  // `runs` is not owned.
  RunService(const CallParts& parts, runs::RunManager* runs) : parts_(parts), runs_(runs) {}

  grpc::ServerUnaryReactor* CreateRun(grpc::CallbackServerContext* context,
                                      const v1::CreateRunRequest* request,
                                      v1::Run* response) override;
  grpc::ServerUnaryReactor* GetRun(grpc::CallbackServerContext* context,
                                   const v1::GetRunRequest* request, v1::Run* response) override;
  grpc::ServerUnaryReactor* ListRuns(grpc::CallbackServerContext* context,
                                     const v1::ListRunsRequest* request,
                                     v1::ListRunsResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchRunResponse>* WatchRun(
      grpc::CallbackServerContext* context, const v1::WatchRunRequest* request) override;
  grpc::ServerUnaryReactor* CancelRun(grpc::CallbackServerContext* context,
                                      const v1::CancelRunRequest* request,
                                      v1::Run* response) override;

 private:
  grpc::Status Create(const v1::CreateRunRequest& request, v1::Run& response);
  grpc::Status List(const v1::ListRunsRequest& request, v1::ListRunsResponse& response);

  const CallParts parts_;
  runs::RunManager* const runs_;
};

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_RUN_SERVICE_H_
