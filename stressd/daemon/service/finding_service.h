// stressd.v1.FindingService over the store of findings.
#ifndef STRESSD_DAEMON_SERVICE_FINDING_SERVICE_H_
#define STRESSD_DAEMON_SERVICE_FINDING_SERVICE_H_

#include "proto/stressd/v1/finding.grpc.pb.h"
#include "stressd/daemon/findings/finding_store.h"
#include "stressd/daemon/runs/limits.h"
#include "stressd/daemon/service/unary_call.h"

namespace stressd::service {

class FindingService final : public v1::FindingService::CallbackService {
 public:
  // `store` is not owned.
  FindingService(const CallParts& parts, findings::FindingStore* store, const runs::Limits& limits)
      : parts_(parts), store_(store), limits_(limits) {}

  grpc::ServerUnaryReactor* ListFindings(grpc::CallbackServerContext* context,
                                         const v1::ListFindingsRequest* request,
                                         v1::ListFindingsResponse* response) override;
  grpc::ServerUnaryReactor* GetFinding(grpc::CallbackServerContext* context,
                                       const v1::GetFindingRequest* request,
                                       v1::Finding* response) override;

 private:
  grpc::Status List(const v1::ListFindingsRequest& request, v1::ListFindingsResponse& response);

  const CallParts parts_;
  findings::FindingStore* const store_;
  const runs::Limits limits_;
};

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_FINDING_SERVICE_H_
