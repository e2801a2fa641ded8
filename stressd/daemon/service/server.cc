#include "stressd/daemon/service/server.h"

#include <sys/stat.h>

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "proto/grpc/health/v1/health.pb.h"
#include "stressd/daemon/service/call_gate.h"
#include "stressd/daemon/service/counter_service.h"
#include "stressd/daemon/service/finding_service.h"
#include "stressd/daemon/service/run_service.h"
#include "stressd/daemon/service/scenario_service.h"
#include "stressd/daemon/service/soak_service.h"
#include "stressd/daemon/service/worker_pool.h"

namespace stressd::service {
namespace {

// Memory and disk: a few are enough for any number of clients.
constexpr int kPoolThreads = 4;
// Calls that may wait for a host to start.
constexpr int kHostPoolThreads = 4;
constexpr size_t kQueueSizeMax = 1000;
// For channels that are idle but connected.
constexpr absl::Duration kTransportDeadline = absl::Seconds(1);
// Clients behind a NAT keep their streams with pings this often.
constexpr int kPingIntervalMinMs = 10'000;
constexpr int kKeepaliveMs = 60'000;

// Process-wide switches of gRPC, to be set before the first server.
void EnablePlugins() {
  static const bool once = [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    // Reflection describes what is linked: the health service's own file.
    grpc::health::v1::HealthCheckRequest::descriptor();
    return true;
  }();
  static_cast<void>(once);
}

}  // namespace

class Server::Impl {
 public:
  explicit Impl(const ServerParts& parts)
      : pool_(kPoolThreads, kQueueSizeMax),
        host_pool_(kHostPoolThreads, kQueueSizeMax),
        call_parts_{&gate_, &pool_, &host_pool_},
        scenarios_(call_parts_, &parts.runs->catalog(), parts.runs->limits()),
        runs_(call_parts_, parts.runs),
        counters_(call_parts_, parts.hosts, &parts.runs->catalog()),
        findings_(call_parts_, parts.findings, parts.runs->limits()),
        soaks_(call_parts_, parts.soaks, parts.runs->limits()),
        status_(call_parts_, parts.runs, parts.hosts, parts.store_usage) {}

  absl::Status Listen(const std::vector<ListenAddress>& addresses, DaemonInfo info) {
    EnablePlugins();
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                               kPingIntervalMinMs);
    // Otherwise two daemons could share a port and each get half of the calls.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    std::vector<int> ports(addresses.size(), 0);
    for (size_t i = 0; i < addresses.size(); ++i) {
      builder.AddListeningPort(addresses[i].Text(), grpc::InsecureServerCredentials(), &ports[i]);
    }
    for (grpc::Service* service : Services()) builder.RegisterService(service);
    server_ = builder.BuildAndStart();
    for (size_t i = 0; i < addresses.size(); ++i) {
      ListenAddress bound = addresses[i];
      if (server_ == nullptr || (bound.unix_path.empty() && ports[i] == 0)) {
        return absl::FailedPreconditionError(
            absl::StrCat("listen: \"", bound.Text(),
                         "\" cannot be listened on: is the port in use?; allowed: a free address"));
      }
      if (bound.unix_path.empty()) {
        bound.port = ports[i];
      } else {
        // Who may enter the folder and is of the group may connect.
        chmod(bound.unix_path.c_str(), 0660);
      }
      addresses_.push_back(bound.Text());
    }
    info.addresses = addresses_;
    status_.set_info(std::move(info));
    SetServing(true);
    return absl::OkStatus();
  }

  void SetServing(bool serving) {
    if (server_ == nullptr) return;
    grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
    for (const char* name :
         {v1::ScenarioService::service_full_name(), v1::RunService::service_full_name(),
          v1::CounterService::service_full_name(), v1::FindingService::service_full_name(),
          v1::SoakService::service_full_name(), v1::StatusService::service_full_name()}) {
      health->SetServingStatus(name, serving);
    }
    health->SetServingStatus(serving);
  }

  void Shutdown(absl::Duration timeout) {
    SetServing(false);
    gate_.Close();
    // What does not end in time is cut off by the transport's deadline.
    gate_.WaitUntilIdle(timeout);
    if (server_ != nullptr) {
      server_->Shutdown(absl::ToChronoTime(absl::Now() + kTransportDeadline));
      server_->Wait();
    }
    pool_.Stop();
    host_pool_.Stop();
    server_.reset();
  }

  const std::vector<std::string>& addresses() const { return addresses_; }

 private:
  std::vector<grpc::Service*> Services() {
    return {&scenarios_, &runs_, &counters_, &findings_, &soaks_, &status_};
  }

  CallGate gate_;
  WorkerPool pool_;
  WorkerPool host_pool_;
  const CallParts call_parts_;
  ScenarioService scenarios_;
  RunService runs_;
  CounterService counters_;
  FindingService findings_;
  SoakService soaks_;
  StatusService status_;
  std::vector<std::string> addresses_;
  std::unique_ptr<grpc::Server> server_;
};

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerParts& parts,
                                                      const std::vector<ListenAddress>& addresses,
                                                      DaemonInfo info) {
  auto impl = std::make_unique<Impl>(parts);
  if (absl::Status listening = impl->Listen(addresses, std::move(info)); !listening.ok()) {
    impl->Shutdown(absl::ZeroDuration());
    return listening;
  }
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { Shutdown(absl::ZeroDuration()); }

const std::vector<std::string>& Server::addresses() const { return impl_->addresses(); }

void Server::StopServing() { impl_->SetServing(false); }

void Server::Shutdown(absl::Duration timeout) { impl_->Shutdown(timeout); }

}  // namespace stressd::service
