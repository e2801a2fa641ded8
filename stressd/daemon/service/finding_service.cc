#include "stressd/daemon/service/finding_service.h"

#include <cstddef>
#include <vector>

#include "absl/time/time.h"
#include "stressd/daemon/service/conversion.h"
#include "stressd/daemon/service/page.h"
#include "stressd/daemon/service/resource_name.h"
#include "stressd/daemon/service/status_conversion.h"

namespace stressd::service {

grpc::ServerUnaryReactor* FindingService::ListFindings(grpc::CallbackServerContext* context,
                                                       const v1::ListFindingsRequest* request,
                                                       v1::ListFindingsResponse* response) {
  return StartUnary(parts_.gate, parts_.pool, context,
                    [this, request, response] { return List(*request, *response); });
}

grpc::ServerUnaryReactor* FindingService::GetFinding(grpc::CallbackServerContext* context,
                                                     const v1::GetFindingRequest* request,
                                                     v1::Finding* response) {
  return StartUnary(parts_.gate, parts_.pool, context, [this, request, response] {
    const auto id = ParseResourceId("name", "findings", request->name());
    if (!id.ok()) return ToGrpcStatus(id.status());
    const auto finding = store_->GetFinding(*id);
    if (!finding.ok()) return ToGrpcStatus(finding.status());
    *response = ToFinding(*finding, true);
    return grpc::Status::OK;
  });
}

grpc::Status FindingService::List(const v1::ListFindingsRequest& request,
                                  v1::ListFindingsResponse& response) {
  const auto size = ResolvePageSize(request.page_size(), limits_.page_size_max);
  if (!size.ok()) return ToGrpcStatus(size.status());
  const auto verdict = FromVerdict("verdict", request.verdict());
  if (!verdict.ok()) return ToGrpcStatus(verdict.status());
  const auto key = DecodePageToken("findings", 2, request.page_token());
  if (!key.ok()) return ToGrpcStatus(key.status());
  findings::FindingQuery query;
  query.scenario = request.scenario();
  query.flavor = request.flavor();
  query.verdict = *verdict;
  if (!key->empty()) {
    query.before_last_seen_time = absl::FromUnixMicros((*key)[0]);
    query.before_id = (*key)[1];
  }
  query.limit = *size + 1;  // One more tells whether there is a next page.
  const auto found = store_->ListFindings(query);
  if (!found.ok()) return ToGrpcStatus(found.status());
  for (const findings::Finding& finding : *found) {
    if (response.findings_size() == *size) {
      const findings::Finding& last = (*found)[static_cast<size_t>(*size) - 1];
      response.set_next_page_token(
          EncodePageToken("findings", {absl::ToUnixMicros(last.last_seen_time), last.id}));
      break;
    }
    *response.add_findings() = ToFinding(finding, false);
  }
  return grpc::Status::OK;
}

}  // namespace stressd::service
