#include "stressd/daemon/supervisor/live_hosts.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "stressd/daemon/supervisor/host_sampler.h"
#include "stressd/daemon/supervisor/process_info.h"

namespace stressd::supervisor {

void LiveHosts::Add(std::shared_ptr<LiveHost> host) {
  const std::lock_guard<std::mutex> lock(mutex_);
  hosts_.push_back(std::move(host));
}

void LiveHosts::Remove(const std::shared_ptr<LiveHost>& host) {
  const std::lock_guard<std::mutex> lock(mutex_);
  hosts_.erase(std::remove(hosts_.begin(), hosts_.end(), host), hosts_.end());
}

std::vector<std::shared_ptr<LiveHost>> LiveHosts::All() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return hosts_;
}

std::shared_ptr<LiveHost> LiveHosts::FindResident(absl::string_view flavor) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const std::shared_ptr<LiveHost>& host : hosts_) {
    if (host->kind == runs::HostKind::kResident && flavor == host->flavor) return host;
  }
  return nullptr;
}

runs::HostSample SampleHost(const LiveHost& host) {
  runs::HostSample sample;
  sample.flavor = host.flavor;
  sample.kind = host.kind;
  sample.pid = host.pid;
  sample.build_id = host.build_id;
  sample.sample_time = absl::Now();
  sample.start_time = host.start_time;
  sample.finished_run_count = host.finished_run_count.load(std::memory_order_relaxed);
  sample.replacement_count = host.replacement_count;
  SampleCounters(protocol::BlackBoxView(host.black_box->memory()), sample);
  sample.rss_bytes = ResidentBytes(host.pid);
  sample.progress.rss_bytes = sample.rss_bytes;
  return sample;
}

}  // namespace stressd::supervisor
