#include "stressd/daemon/service/run_service.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "stressd/daemon/service/conversion.h"
#include "stressd/daemon/service/resource_name.h"
#include "stressd/daemon/service/run_stream.h"
#include "stressd/daemon/service/status_conversion.h"

namespace stressd::service {
namespace {

constexpr size_t kRequestIdBytesMax = 128;

// A page of a list stays below half of the 4 MiB that clients take by default.
constexpr size_t kPageBytesMax = 2 << 20;

absl::Status CheckRequestId(const std::string& id) {
  const bool printable =
      std::all_of(id.begin(), id.end(), [](char c) { return absl::ascii_isprint(c); });
  if (id.size() <= kRequestIdBytesMax && printable) return absl::OkStatus();
  return FieldError("request_id", id, "is not an id", "at most 128 printable ASCII characters");
}

absl::StatusOr<runs::RunQuery> FromListRequest(const v1::ListRunsRequest& request) {
  runs::RunQuery query;
  query.scenario = request.scenario();
  query.flavor = request.flavor();
  if (!v1::Run::State_IsValid(request.state())) {
    return FieldError("state", std::to_string(request.state()), "is not a state", "0 to 3");
  }
  query.state = static_cast<runs::RunState>(request.state());
  const auto verdict = FromVerdict("verdict", request.verdict());
  if (!verdict.ok()) return verdict.status();
  query.verdict = *verdict;
  const auto soak = ParseOptionalResourceId("soak", "soaks", request.soak());
  if (!soak.ok()) return soak.status();
  query.soak_id = *soak;
  const auto repetition = ParseOptionalResourceId("repetition", "runs", request.repetition());
  if (!repetition.ok()) return repetition.status();
  query.repetition_id = *repetition;
  return query;
}

}  // namespace

grpc::ServerUnaryReactor* RunService::CreateRun(grpc::CallbackServerContext* context,
                                                const v1::CreateRunRequest* request,
                                                v1::Run* response) {
  return StartUnary(parts_.gate, parts_.pool, context,
                    [this, request, response] { return Create(*request, *response); });
}

grpc::Status RunService::Create(const v1::CreateRunRequest& request, v1::Run& response) {
  if (absl::Status id = CheckRequestId(request.request_id()); !id.ok()) return ToGrpcStatus(id);
  absl::StatusOr<runs::RunSpec> spec = FromRunSpec(request.spec());
  if (!spec.ok()) return ToGrpcStatus(spec.status(), "spec");
  spec->request_id = request.request_id();
  if (request.validate_only()) {
    absl::StatusOr<runs::RunSpec> complete =
        runs_->catalog().Complete(*std::move(spec), runs_->limits());
    if (!complete.ok()) return ToGrpcStatus(complete.status(), "spec");
    runs::RunRecord run;
    run.spec = *std::move(complete);
    response = ToRun(run, false);
    response.clear_state();
    response.clear_create_time();
    return grpc::Status::OK;
  }
  const absl::StatusOr<runs::RunRecord> run = runs_->CreateRun(*spec);
  if (!run.ok()) return ToGrpcStatus(run.status(), "spec");
  response = ToRun(*run, false);
  return grpc::Status::OK;
}

grpc::ServerUnaryReactor* RunService::GetRun(grpc::CallbackServerContext* context,
                                             const v1::GetRunRequest* request, v1::Run* response) {
  return StartUnary(parts_.gate, parts_.pool, context, [this, request, response] {
    const auto id = ParseResourceId("name", "runs", request->name());
    if (!id.ok()) return ToGrpcStatus(id.status());
    const absl::StatusOr<runs::RunRecord> run = runs_->GetRun(*id);
    if (!run.ok()) return ToGrpcStatus(run.status());
    *response = ToRun(*run, true);
    return grpc::Status::OK;
  });
}

grpc::ServerUnaryReactor* RunService::ListRuns(grpc::CallbackServerContext* context,
                                               const v1::ListRunsRequest* request,
                                               v1::ListRunsResponse* response) {
  return StartUnary(parts_.gate, parts_.pool, context,
                    [this, request, response] { return List(*request, *response); });
}

grpc::Status RunService::List(const v1::ListRunsRequest& request, v1::ListRunsResponse& response) {
  const absl::StatusOr<runs::RunQuery> query = FromListRequest(request);
  if (!query.ok()) return ToGrpcStatus(query.status());
  absl::StatusOr<runs::RunPage> page =
      runs_->ListRuns(*query, request.page_size(), request.page_token());
  if (!page.ok()) return ToGrpcStatus(page.status());
  size_t bytes = 0;
  for (const runs::RunRecord& run : page->runs) {
    v1::Run message = ToRun(run, false);
    bytes += message.ByteSizeLong();
    if (bytes > kPageBytesMax && response.runs_size() > 0) {
      // Ask again for what fits, to get the token that continues there.
      page = runs_->ListRuns(*query, response.runs_size(), request.page_token());
      if (!page.ok()) return ToGrpcStatus(page.status());
      break;
    }
    *response.add_runs() = std::move(message);
  }
  response.set_next_page_token(page->next_page_token);
  return grpc::Status::OK;
}

grpc::ServerWriteReactor<v1::WatchRunResponse>* RunService::WatchRun(
    grpc::CallbackServerContext*, const v1::WatchRunRequest* request) {
  return StartRunStream(parts_, runs_, *request);
}

grpc::ServerUnaryReactor* RunService::CancelRun(grpc::CallbackServerContext* context,
                                                const v1::CancelRunRequest* request,
                                                v1::Run* response) {
  return StartUnary(parts_.gate, parts_.pool, context, [this, request, response] {
    const auto id = ParseResourceId("name", "runs", request->name());
    if (!id.ok()) return ToGrpcStatus(id.status());
    const absl::StatusOr<runs::RunRecord> run = runs_->CancelRun(*id);
    if (!run.ok()) return ToGrpcStatus(run.status());
    *response = ToRun(*run, false);
    return grpc::Status::OK;
  });
}

}  // namespace stressd::service
