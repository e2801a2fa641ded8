// The results store: runs, counters, soaks, findings and host samples in one
// SQLite file of the state folder.
//
// Model.  WAL, one writer thread (WriteQueue), readers on their own connections
// (ReaderPool). Retention runs at start and then every few minutes.
// Invariants.  P1 and P2 of run_sink.h, F1 of finding.h. A file that is damaged
// or newer than this daemon is refused and left as it is.
// Thread safety.  Any thread; calls block on disk.
#ifndef STRESSD_DAEMON_STORE_STORE_H_
#define STRESSD_DAEMON_STORE_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stressd/daemon/findings/finding_store.h"
#include "stressd/daemon/runs/run_sink.h"
#include "stressd/daemon/store/reader_pool.h"
#include "stressd/daemon/store/retention.h"
#include "stressd/daemon/store/write_queue.h"

namespace stressd::store {

// What a process looked like at one time: `process` is "stressd" or the flavor
// of a resident host.
struct HostSampleRow {
  absl::Time sample_time;
  std::string process;
  int64_t pid = 0;
  int64_t run_id = 0;
  int64_t finished_run_count = 0;
  int64_t rss_bytes = 0;
  int64_t reference_total = 0;
  std::vector<runs::CounterValue> counters = {};
};

struct StoreUsage {
  int64_t file_bytes = 0;  // With its WAL.
  int64_t run_count = 0;
};

class Store final : public runs::RunSink, public findings::FindingStore {
 public:
  // Opens or makes the file. DataLossError: it is damaged.
  // FailedPreconditionError: it is newer. PermissionDeniedError,
  // ResourceExhaustedError: as the file system says.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& path,
                                                     const RetentionPolicy& policy);
  ~Store() override;

  absl::Status PutRun(const runs::RunRecord& run) override;
  absl::StatusOr<runs::RunRecord> GetRun(int64_t id) override;
  absl::StatusOr<runs::RunRecord> FindRunByRequestId(const std::string& request_id) override;
  // Without report, stacks and events.
  absl::StatusOr<std::vector<runs::RunRecord>> ListRuns(const runs::RunQuery& query) override;
  absl::StatusOr<std::vector<runs::RunRecord>> LoadUnfinishedRuns() override;
  absl::StatusOr<int64_t> LastRunId() override;
  absl::StatusOr<int64_t> LastSoakId() override;
  absl::Status PutSoak(const runs::SoakRecord& soak) override;
  absl::StatusOr<runs::SoakRecord> GetSoak(int64_t id) override;
  absl::StatusOr<std::vector<runs::SoakRecord>> ListSoaks() override;

  absl::StatusOr<int64_t> MergeFinding(const findings::Finding& seen) override;
  absl::StatusOr<findings::Finding> GetFinding(int64_t id) override;
  absl::StatusOr<std::vector<findings::Finding>> ListFindings(
      const findings::FindingQuery& query) override;

  absl::Status PutHostSamples(const std::vector<HostSampleRow>& samples);
  // Rising in time, at most `limit`, the newest ones.
  absl::StatusOr<std::vector<HostSampleRow>> ListHostSamples(const std::string& process,
                                                             int32_t limit);

  absl::StatusOr<StoreUsage> Usage();

  // Applies the retention policy now, as of `now`.
  absl::Status ApplyRetentionAt(absl::Time now);

  // Finishes writing; everything after returns UnavailableError. Idempotent.
  void Close();

 private:
  Store(std::string path, std::unique_ptr<SQLite::Database> writer, const RetentionPolicy& policy);

  // Calls `query` with a reading connection.
  template <typename Query>
  auto Read(const char* what, Query query);

  const std::string path_;
  const RetentionPolicy policy_;
  ReaderPool readers_;
  WriteQueue writer_;
};

}  // namespace stressd::store

#endif  // STRESSD_DAEMON_STORE_STORE_H_
