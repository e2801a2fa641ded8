#include "stressd/daemon/runs/memory_run_sink.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace stressd::runs {

absl::Status MemoryRunSink::PutRun(const RunRecord& run) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!put_status_.ok()) return put_status_;
  runs_[run.id] = run;
  states_[run.id].push_back(run.state);
  return absl::OkStatus();
}

absl::StatusOr<RunRecord> MemoryRunSink::GetRun(int64_t id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto it = runs_.find(id);
  if (it != runs_.end()) return it->second;
  return absl::NotFoundError(absl::StrCat("runs/", id, " is unknown"));
}

absl::StatusOr<RunRecord> MemoryRunSink::FindRunByRequestId(const std::string& request_id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [id, run] : runs_) {
    if (run.spec.request_id == request_id) return run;
  }
  return absl::NotFoundError("no run has that request id");
}

absl::StatusOr<std::vector<RunRecord>> MemoryRunSink::ListRuns(const RunQuery& query) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<RunRecord> found;
  for (auto it = runs_.rbegin(); it != runs_.rend(); ++it) {
    const RunRecord& run = it->second;
    if (query.before_id != 0 && run.id >= query.before_id) continue;
    if (!query.scenario.empty() && run.spec.scenario != query.scenario) continue;
    if (query.soak_id != 0 && run.spec.soak_id != query.soak_id) continue;
    if (found.size() == static_cast<size_t>(query.limit)) break;
    found.push_back(run);
  }
  return found;
}

absl::StatusOr<std::vector<RunRecord>> MemoryRunSink::LoadUnfinishedRuns() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<RunRecord> found;
  for (const auto& [id, run] : runs_) {
    if (run.state != RunState::kFinished) found.push_back(run);
  }
  return found;
}

absl::StatusOr<int64_t> MemoryRunSink::LastRunId() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return runs_.empty() ? 0 : runs_.rbegin()->first;
}

absl::StatusOr<int64_t> MemoryRunSink::LastSoakId() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return soaks_.empty() ? 0 : soaks_.rbegin()->first;
}

absl::Status MemoryRunSink::PutSoak(const SoakRecord& soak) {
  const std::lock_guard<std::mutex> lock(mutex_);
  soaks_[soak.id] = soak;
  return absl::OkStatus();
}

absl::StatusOr<SoakRecord> MemoryRunSink::GetSoak(int64_t id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto it = soaks_.find(id);
  if (it != soaks_.end()) return it->second;
  return absl::NotFoundError(absl::StrCat("soaks/", id, " is unknown"));
}

absl::StatusOr<std::vector<SoakRecord>> MemoryRunSink::ListSoaks() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<SoakRecord> found;
  for (auto it = soaks_.rbegin(); it != soaks_.rend(); ++it) found.push_back(it->second);
  return found;
}

void MemoryRunSink::FailPutsForTest(absl::Status status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  put_status_ = std::move(status);
}

std::vector<RunState> MemoryRunSink::StatesForTest(int64_t id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return states_[id];
}

}  // namespace stressd::runs
