// What the manager of runs and soaks needs of a store.
//
// Model.  Records are put whole and replace the one of the same id. Finished
// runs live in the store only; the manager keeps the others in memory too.
// Invariants.  P1: a Put() that returned survives the death of the process.
// P2: a read sees every Put() that returned before it began.
// Thread safety.  Any thread; calls may block on disk. No lock of `runs` is
// held during a call.
#ifndef STRESSD_DAEMON_RUNS_RUN_SINK_H_
#define STRESSD_DAEMON_RUNS_RUN_SINK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stressd/daemon/runs/run.h"
#include "stressd/daemon/runs/soak.h"

namespace stressd::runs {

// Which runs to list, newest first. Empty or zero fields do not restrict.
struct RunQuery {
  std::string scenario = "";  // Empty: any.
  std::string flavor = "";    // Empty: any.
  RunState state = RunState::kUnspecified;
  Verdict verdict = Verdict::kUnspecified;
  int64_t soak_id = 0;
  int64_t repetition_id = 0;
  int64_t before_id = 0;  // Only ids smaller than this: the page's start.
  int32_t limit = 50;
};

class RunSink {
 public:
  virtual ~RunSink() = default;

  // Stores `run`, replacing what has its id. The manager orders the calls for
  // one id.
  virtual absl::Status PutRun(const RunRecord& run) = 0;

  // NotFoundError if there is none.
  virtual absl::StatusOr<RunRecord> GetRun(int64_t id) = 0;
  virtual absl::StatusOr<RunRecord> FindRunByRequestId(const std::string& request_id) = 0;

  // At most `query.limit` runs, ids falling.
  virtual absl::StatusOr<std::vector<RunRecord>> ListRuns(const RunQuery& query) = 0;

  // Every run that is not finished, ids rising: what a restart cut off.
  virtual absl::StatusOr<std::vector<RunRecord>> LoadUnfinishedRuns() = 0;

  // The largest id ever given to a run (a soak), 0 if none; also when
  // retention has deleted it.
  virtual absl::StatusOr<int64_t> LastRunId() = 0;
  virtual absl::StatusOr<int64_t> LastSoakId() = 0;

  virtual absl::Status PutSoak(const SoakRecord& soak) = 0;
  virtual absl::StatusOr<SoakRecord> GetSoak(int64_t id) = 0;
  // All of them, ids falling; bounded by retention.
  virtual absl::StatusOr<std::vector<SoakRecord>> ListSoaks() = 0;
};

}  // namespace stressd::runs

#endif  // STRESSD_DAEMON_RUNS_RUN_SINK_H_
