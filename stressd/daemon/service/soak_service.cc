#include "stressd/daemon/service/soak_service.h"

#include <utility>

#include "stressd/daemon/service/conversion.h"
#include "stressd/daemon/service/page.h"
#include "stressd/daemon/service/resource_name.h"
#include "stressd/daemon/service/status_conversion.h"

namespace stressd::service {

grpc::ServerUnaryReactor* SoakService::StartSoak(grpc::CallbackServerContext* context,
                                                 const v1::StartSoakRequest* request,
                                                 v1::Soak* response) {
  return StartUnary(parts_.gate, parts_.pool, context, [this, request, response] {
    auto plan = FromSoakPlan(request->plan());
    if (!plan.ok()) return ToGrpcStatus(plan.status(), "plan");
    const auto soak = soaks_->StartSoak(*std::move(plan));
    if (!soak.ok()) return ToGrpcStatus(soak.status(), "plan");
    *response = ToSoak(*soak);
    return grpc::Status::OK;
  });
}

grpc::ServerUnaryReactor* SoakService::GetSoak(grpc::CallbackServerContext* context,
                                               const v1::GetSoakRequest* request,
                                               v1::Soak* response) {
  return StartUnary(parts_.gate, parts_.pool, context, [this, request, response] {
    const auto id = ParseResourceId("name", "soaks", request->name());
    if (!id.ok()) return ToGrpcStatus(id.status());
    const auto soak = soaks_->GetSoak(*id);
    if (!soak.ok()) return ToGrpcStatus(soak.status());
    *response = ToSoak(*soak);
    return grpc::Status::OK;
  });
}

grpc::ServerUnaryReactor* SoakService::ListSoaks(grpc::CallbackServerContext* context,
                                                 const v1::ListSoaksRequest* request,
                                                 v1::ListSoaksResponse* response) {
  return StartUnary(parts_.gate, parts_.pool, context,
                    [this, request, response] { return List(*request, *response); });
}

grpc::ServerUnaryReactor* SoakService::StopSoak(grpc::CallbackServerContext* context,
                                                const v1::StopSoakRequest* request,
                                                v1::Soak* response) {
  return StartUnary(parts_.gate, parts_.pool, context, [this, request, response] {
    const auto id = ParseResourceId("name", "soaks", request->name());
    if (!id.ok()) return ToGrpcStatus(id.status());
    const auto soak = soaks_->StopSoak(*id);
    if (!soak.ok()) return ToGrpcStatus(soak.status());
    *response = ToSoak(*soak);
    return grpc::Status::OK;
  });
}

grpc::Status SoakService::List(const v1::ListSoaksRequest& request,
                               v1::ListSoaksResponse& response) {
  const auto size = ResolvePageSize(request.page_size(), limits_.page_size_max);
  if (!size.ok()) return ToGrpcStatus(size.status());
  const auto key = DecodePageToken("soaks", 1, request.page_token());
  if (!key.ok()) return ToGrpcStatus(key.status());
  const auto soaks = soaks_->ListSoaks();
  if (!soaks.ok()) return ToGrpcStatus(soaks.status());
  int64_t last_id = 0;
  for (const runs::SoakRecord& soak : *soaks) {
    if (!key->empty() && soak.id >= key->front()) continue;
    if (response.soaks_size() == *size) {
      response.set_next_page_token(EncodePageToken("soaks", {last_id}));
      break;
    }
    last_id = soak.id;
    *response.add_soaks() = ToSoak(soak);
  }
  return grpc::Status::OK;
}

}  // namespace stressd::service
