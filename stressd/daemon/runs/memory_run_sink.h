// A run sink in memory, for tests. Outlives managers, as a database file does.
#ifndef STRESSD_DAEMON_RUNS_MEMORY_RUN_SINK_H_
#define STRESSD_DAEMON_RUNS_MEMORY_RUN_SINK_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "stressd/daemon/runs/run_sink.h"

namespace stressd::runs {

class MemoryRunSink final : public RunSink {
 public:
  absl::Status PutRun(const RunRecord& run) override;
  absl::StatusOr<RunRecord> GetRun(int64_t id) override;
  absl::StatusOr<RunRecord> FindRunByRequestId(const std::string& request_id) override;
  absl::StatusOr<std::vector<RunRecord>> ListRuns(const RunQuery& query) override;
  absl::StatusOr<std::vector<RunRecord>> LoadUnfinishedRuns() override;
  absl::StatusOr<int64_t> LastRunId() override;
  absl::StatusOr<int64_t> LastSoakId() override;
  absl::Status PutSoak(const SoakRecord& soak) override;
  absl::StatusOr<SoakRecord> GetSoak(int64_t id) override;
  absl::StatusOr<std::vector<SoakRecord>> ListSoaks() override;

  // From now on PutRun() fails with `status`.
  void FailPutsForTest(absl::Status status);
  // The states put for a run, in order.
  std::vector<RunState> StatesForTest(int64_t id);

 private:
  std::mutex mutex_;  // Guards the rest.
  absl::Status put_status_;
  std::map<int64_t, RunRecord> runs_;
  std::map<int64_t, std::vector<RunState>> states_;
  std::map<int64_t, SoakRecord> soaks_;
};

}  // namespace stressd::runs

#endif  // STRESSD_DAEMON_RUNS_MEMORY_RUN_SINK_H_
