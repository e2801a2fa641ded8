// The manager of runs: admits, queues, executes, cancels, remembers.
//
// Model.  CreateRun() validates against the catalog, admits against the limits,
// stores the run as QUEUED and returns. Lanes execute: `fresh_run_count_max`
// threads take fresh runs in order, one thread per flavor takes resident ones,
// so a busy resident host never blocks the rest. A finished run goes to the
// finding sink (if it found something), to the run sink, then to its watchers.
// Invariants.  M1: an accepted run gets a verdict, whatever happens.  M2: one
// request id, one run.  M3: the sink sees QUEUED, RUNNING, FINISHED in order.
// M4: a run that the daemon's end cut off becomes ERROR at the next start, and
// the same spec is queued again under a new id, at most kRequeueMax times in a
// row.  M5: nothing is admitted after Drain() began.
// Thread safety.  Any thread. Lock order: mutex_ before RunWatch's; sinks, the
// executor and callbacks are called with no lock held.
#ifndef STRESSD_DAEMON_RUNS_RUN_MANAGER_H_
#define STRESSD_DAEMON_RUNS_RUN_MANAGER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stressd/daemon/runs/executor.h"
#include "stressd/daemon/runs/finding_sink.h"
#include "stressd/daemon/runs/limits.h"
#include "stressd/daemon/runs/log_sink.h"
#include "stressd/daemon/runs/run.h"
#include "stressd/daemon/runs/run_sink.h"
#include "stressd/daemon/runs/run_watch.h"
#include "stressd/daemon/runs/scenario_catalog.h"

namespace stressd::runs {

struct RunPage {
  std::vector<RunRecord> runs;  // Newest first.
  std::string next_page_token;  // Empty on the last page.
};

struct RunManagerStatus {
  int32_t queued_run_count = 0;
  int32_t running_run_count = 0;
  int64_t finished_run_count = 0;  // Since the daemon started.
  std::map<Verdict, int64_t> verdict_counts;
  bool draining = false;
};

// Not owned; all outlive the manager. `findings` may be null.
struct RunManagerParts {
  const ScenarioCatalog* catalog = nullptr;
  Executor* executor = nullptr;
  RunSink* sink = nullptr;
  FindingSink* findings = nullptr;
  LogSink* log = nullptr;
};

class RunManager {
 public:
  // 3: a run that kills its daemon each time must not do so for ever.
  static constexpr int kRequeueMax = 3;

  using FinishedCallback = std::function<void(const RunRecord&)>;

  RunManager(const RunManagerParts& parts, const Limits& limits);
  // Drains if that was not done.
  ~RunManager();

  RunManager(const RunManager&) = delete;
  RunManager& operator=(const RunManager&) = delete;

  // Loads what the last daemon left, queues it again, starts the lanes. Call
  // once, before anything else.
  absl::Status Start();

  // Accepts a run. NotFoundError: unknown scenario. InvalidArgumentError: a bad
  // field. ResourceExhaustedError: the queue is full. FailedPreconditionError:
  // draining. AlreadyExistsError: the request id was used for another spec.
  // Blocks on the sink.
  absl::StatusOr<RunRecord> CreateRun(const RunSpec& spec);

  // NotFoundError if there is none.
  absl::StatusOr<RunRecord> GetRun(int64_t id);

  // `page_size` 0 means 50. InvalidArgumentError for a negative or too large
  // size or a token that is not ours.
  absl::StatusOr<RunPage> ListRuns(RunQuery query, int32_t page_size,
                                   const std::string& page_token);

  // Asks a run to end; a queued one ends at once. Idempotent. NotFoundError,
  // or FailedPreconditionError if it has already finished.
  absl::StatusOr<RunRecord> CancelRun(int64_t id);

  // Watches a run; the present snapshot is pending at once. The manager keeps
  // only a weak reference: dropping the pointer after Cancel() ends the watch.
  absl::StatusOr<std::shared_ptr<RunWatch>> WatchRun(int64_t id, std::function<void()> on_ready);

  // Calls `callback` for each run that finishes, on a lane's thread, no lock
  // held. For soaks, repetitions and metrics; add before Start().
  void AddFinishedCallback(FinishedCallback callback);

  RunManagerStatus Status();
  const ScenarioCatalog& catalog() const;
  const Limits& limits() const;

  // Runs accepted and not finished, ids rising.
  std::vector<RunRecord> ActiveRuns();

  // Stops admission, cancels what runs, ends what is queued as CANCELLED and
  // joins the lanes. Idempotent.
  void Drain();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace stressd::runs

#endif  // STRESSD_DAEMON_RUNS_RUN_MANAGER_H_
