// The hosts that are alive now, for those who look at them from other threads.
//
// Model.  An entry lives as long as its registration; it shares the black box's
// mapping, so a look never meets unmapped memory.
// Thread safety.  Any thread. Lock order: mutex_ is a leaf.
#ifndef STRESSD_DAEMON_SUPERVISOR_LIVE_HOSTS_H_
#define STRESSD_DAEMON_SUPERVISOR_LIVE_HOSTS_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "stressd/daemon/runs/host_view.h"
#include "stressd/protocol/black_box.h"

namespace stressd::supervisor {

struct LiveHost {
  std::string flavor;
  runs::HostKind kind = runs::HostKind::kUnspecified;
  pid_t pid = 0;
  std::string build_id;
  absl::Time start_time;
  int64_t replacement_count = 0;
  std::shared_ptr<protocol::BlackBoxMapping> black_box;
  // relaxed everywhere: a statistic, orders nothing.
  std::atomic<int64_t> finished_run_count{0};
};

class LiveHosts {
 public:
  void Add(std::shared_ptr<LiveHost> host);
  void Remove(const std::shared_ptr<LiveHost>& host);

  std::vector<std::shared_ptr<LiveHost>> All() const;
  // Null if there is none.
  std::shared_ptr<LiveHost> FindResident(absl::string_view flavor) const;

 private:
  mutable std::mutex mutex_;  // Guards the rest.
  std::vector<std::shared_ptr<LiveHost>> hosts_;
};

runs::HostSample SampleHost(const LiveHost& host);

}  // namespace stressd::supervisor

#endif  // STRESSD_DAEMON_SUPERVISOR_LIVE_HOSTS_H_
