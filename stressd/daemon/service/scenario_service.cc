#include "stressd/daemon/service/scenario_service.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "stressd/daemon/service/conversion.h"
#include "stressd/daemon/service/page.h"
#include "stressd/daemon/service/status_conversion.h"

namespace stressd::service {

grpc::ServerUnaryReactor* ScenarioService::ListScenarios(grpc::CallbackServerContext* context,
                                                         const v1::ListScenariosRequest* request,
                                                         v1::ListScenariosResponse* response) {
  return StartUnary(parts_.gate, parts_.pool, context,
                    [this, request, response] { return List(*request, *response); });
}

grpc::ServerUnaryReactor* ScenarioService::GetScenario(grpc::CallbackServerContext* context,
                                                       const v1::GetScenarioRequest* request,
                                                       v1::Scenario* response) {
  return StartUnary(parts_.gate, parts_.pool, context,
                    [this, request, response] { return Get(*request, *response); });
}

grpc::Status ScenarioService::List(const v1::ListScenariosRequest& request,
                                   v1::ListScenariosResponse& response) const {
  const auto size = ResolvePageSize(request.page_size(), limits_.page_size_max);
  if (!size.ok()) return ToGrpcStatus(size.status());
  const auto key = DecodePageToken("scenarios", 1, request.page_token());
  if (!key.ok()) return ToGrpcStatus(key.status());
  // The catalog is constant, so a position is as good as a name.
  const std::vector<runs::ScenarioDescription>& all = catalog_->scenarios();
  const size_t begin = key->empty() ? 0 : static_cast<size_t>(key->front());
  size_t next = begin;
  for (; next < all.size() && next - begin < static_cast<size_t>(*size); ++next) {
    *response.add_scenarios() = ToScenario(*catalog_, all[next]);
  }
  if (next < all.size()) {
    response.set_next_page_token(EncodePageToken("scenarios", {static_cast<int64_t>(next)}));
  }
  return grpc::Status::OK;
}

grpc::Status ScenarioService::Get(const v1::GetScenarioRequest& request,
                                  v1::Scenario& response) const {
  absl::string_view name = request.name();
  if (!absl::ConsumePrefix(&name, "scenarios/") || name.empty()) {
    return ToGrpcStatus(
        FieldError("name", request.name(), "is not a resource name", "scenarios/SCENARIO"));
  }
  const runs::ScenarioDescription* scenario = catalog_->Find(name);
  if (scenario == nullptr) {
    return ToGrpcStatus(absl::NotFoundError(absl::StrCat(
        FieldError("name", request.name(), "is not known", "a name of ListScenarios").message())));
  }
  response = ToScenario(*catalog_, *scenario);
  return grpc::Status::OK;
}

}  // namespace stressd::service
