// The manager of soaks: draws steps from plans and has RunManager execute them.
//
// Model.  One thread serves all active soaks. It wakes for the next interval,
// for a finished run and for Start/Stop, and never blocks on a run.
// Invariants.  Those of soak.h, and K3: an active soak of the last daemon goes
// on after Start(), with its step count, so the draw continues.
// Thread safety.  Any thread. Lock order: put_mutex_ (orders the puts of soaks;
// held while the sink is called), then mutex_, a leaf. RunManager is called
// with neither held.
#ifndef STRESSD_DAEMON_RUNS_SOAK_MANAGER_H_
#define STRESSD_DAEMON_RUNS_SOAK_MANAGER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stressd/daemon/runs/log_sink.h"
#include "stressd/daemon/runs/run_manager.h"
#include "stressd/daemon/runs/run_sink.h"
#include "stressd/daemon/runs/soak.h"

namespace stressd::runs {

class SoakManager {
 public:
  // Registers a finished callback with `runs`: construct before its Start().
  SoakManager(RunManager* runs, RunSink* sink, LogSink* log);
  ~SoakManager();

  SoakManager(const SoakManager&) = delete;
  SoakManager& operator=(const SoakManager&) = delete;

  // Resumes what the last daemon left active. Call after RunManager::Start().
  absl::Status Start();

  // Starts a soak. The errors of ValidateSoakPlan(), and AlreadyExistsError: an active soak has
  // that name; ResourceExhaustedError: too many are active.
  absl::StatusOr<SoakRecord> StartSoak(SoakPlan plan);

  // For `stressd --soak=FILE`: the active soak of that name if the plan is the
  // same (it was resumed). Else starts the plan; an active one of that name, from
  // an older text of the file, is stopped.
  absl::StatusOr<SoakRecord> StartOrResumeSoak(SoakPlan plan);

  // Stops it; its last run is cancelled. NotFoundError, FailedPreconditionError
  // if it has ended.
  absl::StatusOr<SoakRecord> StopSoak(int64_t id);

  absl::StatusOr<SoakRecord> GetSoak(int64_t id);
  absl::StatusOr<std::vector<SoakRecord>> ListSoaks();  // Newest first.

  // Stops drawing; active soaks stay active in the sink. Call before
  // RunManager::Drain(). Idempotent.
  void Drain();

 private:
  class Impl;
  const std::shared_ptr<Impl> impl_;
};

}  // namespace stressd::runs

#endif  // STRESSD_DAEMON_RUNS_SOAK_MANAGER_H_
