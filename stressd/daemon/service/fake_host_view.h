// Hosts that are not there, for tests of the services.
#ifndef STRESSD_DAEMON_SERVICE_FAKE_HOST_VIEW_H_
#define STRESSD_DAEMON_SERVICE_FAKE_HOST_VIEW_H_

#include <condition_variable>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "stressd/daemon/runs/host_view.h"

namespace stressd::service {

// One resident host in plain, whose counters grow with each sample.
class FakeHostView final : public runs::HostView {
 public:
  std::vector<runs::HostSample> SampleHosts() override { return {Sample()}; }

  absl::StatusOr<runs::HostSample> SampleResident(absl::string_view flavor) override {
    std::unique_lock lock(mutex_);
    ++waiting_count_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !holding_; });
    --waiting_count_;
    if (flavor != "plain") return absl::UnavailableError("the host does not start");
    lock.unlock();
    return Sample();
  }

  absl::StatusOr<runs::HostBalance> Snapshot(absl::string_view flavor,
                                             absl::Duration timeout) override {
    if (flavor != "plain") return absl::AbortedError("the host is executing a run");
    runs::HostBalance balance;
    balance.flavor = "plain";
    balance.pid = 7;
    balance.values = {{"heap_mem_bytes", absl::ToInt64Seconds(timeout)}};
    balance.references = {{"number", 3}};
    balance.reference_total = 3;
    return balance;
  }

  // SampleResident() waits until Release().
  void Hold() {
    const std::lock_guard lock(mutex_);
    holding_ = true;
  }
  void Release() {
    const std::lock_guard lock(mutex_);
    holding_ = false;
    changed_.notify_all();
  }
  void AwaitWaiting(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_count_ >= count; });
  }

 private:
  runs::HostSample Sample() {
    const std::lock_guard lock(mutex_);
    runs::HostSample sample;
    sample.flavor = "plain";
    sample.kind = runs::HostKind::kResident;
    sample.pid = 7;
    sample.rss_bytes = 1 << 20;
    sample.counters = {{"attach", ++sample_count_}};
    sample.references = {{"number", -2}, {"list", 5}};
    sample.reference_total = 3;
    runs::CounterSlot slot;
    slot.kind = runs::CounterSlot::Kind::kThread;
    slot.slot_index = 1;
    slot.owner_id = 9;
    slot.interpreter_id = 2;
    slot.references = sample.references;
    sample.slots = {slot};
    return sample;
  }

  std::mutex mutex_;  // Guards the rest.
  std::condition_variable changed_;
  bool holding_ = false;
  int waiting_count_ = 0;
  int64_t sample_count_ = 0;
};

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_FAKE_HOST_VIEW_H_
