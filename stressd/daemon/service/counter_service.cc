#include "stressd/daemon/service/counter_service.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "stressd/daemon/service/conversion.h"
#include "stressd/daemon/service/counter_stream.h"
#include "stressd/daemon/service/flavor_sample.h"
#include "stressd/daemon/service/status_conversion.h"

namespace stressd::service {
namespace {

// A balance stops the world of a host that may be slow and instrumented.
constexpr absl::Duration kBalanceTimeout = absl::Seconds(20);

}  // namespace

grpc::ServerUnaryReactor* CounterService::GetCounters(grpc::CallbackServerContext* context,
                                                      const v1::GetCountersRequest* request,
                                                      v1::GetCountersResponse* response) {
  return StartUnary(parts_.gate, parts_.host_pool, context, [this, request, response] {
    const auto samples =
        SampleFlavors(*hosts_, *catalog_, {request->flavors().begin(), request->flavors().end()});
    if (!samples.ok()) return ToGrpcStatus(samples.status());
    for (const runs::HostSample& sample : *samples) *response->add_hosts() = ToHostCounters(sample);
    return grpc::Status::OK;
  });
}

grpc::ServerWriteReactor<v1::WatchCountersResponse>* CounterService::WatchCounters(
    grpc::CallbackServerContext*, const v1::WatchCountersRequest* request) {
  return StartCounterStream(parts_, hosts_, catalog_, *request);
}

grpc::ServerUnaryReactor* CounterService::GetBalance(grpc::CallbackServerContext* context,
                                                     const v1::GetBalanceRequest* request,
                                                     v1::Balance* response) {
  return StartUnary(parts_.gate, parts_.host_pool, context, [this, context, request, response] {
    const absl::Status known = CheckFlavor("flavor", request->flavor(), *catalog_);
    if (!known.ok()) return ToGrpcStatus(known);
    const absl::Duration left = absl::FromChrono(context->deadline()) - absl::Now();
    const auto balance = hosts_->Snapshot(request->flavor(), std::min(left, kBalanceTimeout));
    if (!balance.ok()) return ToGrpcStatus(balance.status());
    *response = ToBalance(*balance);
    return grpc::Status::OK;
  });
}

}  // namespace stressd::service
