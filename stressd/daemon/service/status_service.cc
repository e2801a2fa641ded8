#include "stressd/daemon/service/status_service.h"

#include <unistd.h>

#include <cstdint>
#include <fstream>

#include "absl/time/clock.h"
#include "stressd/daemon/service/conversion.h"

namespace stressd::service {

int64_t OwnRssBytes() {
  // Sizes in pages: all, resident, ...
  std::ifstream file("/proc/self/statm");
  int64_t all = 0;
  int64_t resident = 0;
  if (!(file >> all >> resident)) return 0;
  return resident * sysconf(_SC_PAGESIZE);
}

grpc::ServerUnaryReactor* StatusService::GetStatus(grpc::CallbackServerContext* context,
                                                   const v1::GetStatusRequest*,
                                                   v1::DaemonStatus* response) {
  return StartUnary(parts_.gate, parts_.pool, context, [this, response] { return Get(*response); });
}

grpc::Status StatusService::Get(v1::DaemonStatus& response) {
  response.set_version(info_.version);
  response.set_build_id(info_.build_id);
  response.set_pid(getpid());
  *response.mutable_start_time() = ToTimestamp(info_.start_time);
  *response.mutable_uptime() = ToDuration(absl::Now() - info_.start_time);
  for (const std::string& address : info_.addresses) response.add_addresses(address);
  response.set_state_folder(info_.state_folder);
  for (const runs::FlavorDescription& flavor : runs_->catalog().flavors()) {
    v1::Flavor& out = *response.add_flavors();
    out.set_flavor_id(flavor.name);
    out.set_build_id(flavor.build_id);
    out.set_host_path(flavor.host_path);
  }
  for (const runs::HostSample& host : hosts_->SampleHosts()) {
    *response.add_hosts() = ToHostSummary(host);
  }
  *response.mutable_limits() = ToLimits(runs_->limits());
  const runs::RunManagerStatus status = runs_->Status();
  response.set_is_draining(status.draining);
  response.set_queued_run_count(status.queued_run_count);
  response.set_running_run_count(status.running_run_count);
  response.set_finished_run_count(status.finished_run_count);
  for (const auto& [verdict, count] : status.verdict_counts) {
    v1::VerdictCount& out = *response.add_verdict_counts();
    out.set_verdict(static_cast<v1::Verdict>(verdict));
    out.set_run_count(count);
  }
  response.set_rss_bytes(OwnRssBytes());
  if (usage_) {
    // A store that cannot tell its size is no reason to hide the rest.
    if (const auto usage = usage_(); usage.ok()) {
      response.set_store_bytes(usage->file_bytes);
      response.set_stored_run_count(usage->run_count);
    }
  }
  return grpc::Status::OK;
}

}  // namespace stressd::service
