// The inside of RunManager: admission and look-ups in run_manager.cc, the lanes
// that execute in run_execution.cc. Private to the two. Model, invariants and
// lock order: run_manager.h.
#ifndef STRESSD_DAEMON_RUNS_RUN_MANAGER_IMPL_H_
#define STRESSD_DAEMON_RUNS_RUN_MANAGER_IMPL_H_

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "stressd/daemon/runs/run_manager.h"
#include "stressd/daemon/runs/run_queue.h"

namespace stressd::runs {

class RunManager::Impl {
 public:
  // The lane of fresh hosts; a resident host's is "resident/FLAVOR".
  static constexpr absl::string_view kFreshLane = "fresh";

  Impl(const RunManagerParts& parts, const Limits& limits) : parts_(parts), limits_(limits) {}

  absl::Status Start();
  absl::StatusOr<RunRecord> CreateRun(const RunSpec& spec);
  absl::StatusOr<RunRecord> GetRun(int64_t id);
  absl::StatusOr<RunPage> ListRuns(RunQuery query, int32_t page_size,
                                   const std::string& page_token);
  absl::StatusOr<RunRecord> CancelRun(int64_t id);
  absl::StatusOr<std::shared_ptr<RunWatch>> WatchRun(int64_t id, std::function<void()> on_ready);
  RunManagerStatus Status();
  std::vector<RunRecord> ActiveRuns();
  void Drain();

  const RunManagerParts& parts() const { return parts_; }
  const Limits& limits() const { return limits_; }
  void AddFinishedCallback(FinishedCallback callback) { callbacks_.push_back(std::move(callback)); }

 private:
  // Stores, queues and returns a new run. The caller holds an admission.
  absl::StatusOr<RunRecord> Accept(RunRecord run);
  absl::StatusOr<RunRecord> CreateWithRequestId(RunRecord run);
  absl::Status BeginAdmission();
  void EndAdmission();

  void LaneLoop(const std::string& lane);
  void ExecuteRun(const std::shared_ptr<ActiveRun>& run);
  // Ends `run`, which the caller got out of the queue, and tells everybody.
  void Finish(const std::shared_ptr<ActiveRun>& run, RunOutcome outcome);
  // Judges what only the daemon knows: whether a canary stayed silent.
  void JudgeCanary(const RunSpec& spec, RunOutcome& outcome) const;
  absl::Status Requeue(const RunRecord& cut_off);

  // Changes the record under the lock, then publishes it.
  template <typename Change>
  RunRecord Update(const std::shared_ptr<ActiveRun>& run, Change change);
  void PutOrLog(const RunRecord& run);
  void Log(LogLevel level, absl::string_view message) {
    if (parts_.log != nullptr) parts_.log->Log(level, message);
  }

  const RunManagerParts parts_;
  const Limits limits_;
  std::vector<FinishedCallback> callbacks_;  // Constant after Start().
  RunQueue queue_;

  std::mutex mutex_;  // Guards what follows. Before queue_'s and RunWatch's.
  std::condition_variable admitted_;
  int64_t next_id_ = 1;
  int32_t admitting_count_ = 0;         // Between BeginAdmission and EndAdmission.
  std::set<std::string> creating_ids_;  // Request ids between look-up and put.
  std::map<int64_t, std::shared_ptr<ActiveRun>> active_;
  std::map<std::string, int64_t> active_request_ids_;
  int32_t running_count_ = 0;
  int64_t finished_count_ = 0;
  std::map<Verdict, int64_t> verdict_counts_;
  bool draining_ = false;

  std::mutex drain_mutex_;  // Serializes Drain(); before all others.
  std::vector<std::thread> lanes_;
};

template <typename Change>
RunRecord RunManager::Impl::Update(const std::shared_ptr<ActiveRun>& run, Change change) {
  RunRecord copy;
  std::vector<std::shared_ptr<RunWatch>> watches;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    change(run->record);
    ++run->record.sequence;
    copy = run->record;
    auto& weak = run->watches;
    for (const std::weak_ptr<RunWatch>& each : weak) {
      if (std::shared_ptr<RunWatch> watch = each.lock()) watches.push_back(std::move(watch));
    }
    weak.erase(
        std::remove_if(weak.begin(), weak.end(), [](const auto& each) { return each.expired(); }),
        weak.end());
  }
  for (const std::shared_ptr<RunWatch>& watch : watches) watch->Publish(copy);
  return copy;
}

}  // namespace stressd::runs

#endif  // STRESSD_DAEMON_RUNS_RUN_MANAGER_IMPL_H_
