#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "stressd/daemon/runs/run_manager_impl.h"

namespace stressd::runs {

void RunManager::Impl::PutOrLog(const RunRecord& run) {
  const absl::Status status = parts_.sink->PutRun(run);
  if (!status.ok()) {
    Log(LogLevel::kError, absl::StrCat("runs/", run.id, " could not be stored as ",
                                       RunStateName(run.state), ": ", status.ToString()));
  }
}

absl::Status RunManager::Impl::Start() {
  absl::StatusOr<int64_t> last_id = parts_.sink->LastRunId();
  if (!last_id.ok()) return last_id.status();
  next_id_ = *last_id + 1;
  absl::StatusOr<std::vector<RunRecord>> unfinished = parts_.sink->LoadUnfinishedRuns();
  if (!unfinished.ok()) return unfinished.status();
  for (const RunRecord& run : *unfinished) {
    const absl::Status status = Requeue(run);
    if (!status.ok()) return status;
  }
  for (int i = 0; i < limits_.fresh_run_count_max; ++i) {
    lanes_.emplace_back([this] { LaneLoop(std::string(kFreshLane)); });
  }
  for (const FlavorDescription& flavor : parts_.catalog->flavors()) {
    const std::string lane = absl::StrCat("resident/", flavor.name);
    lanes_.emplace_back([this, lane] { LaneLoop(lane); });
  }
  return absl::OkStatus();
}

absl::Status RunManager::Impl::Requeue(const RunRecord& cut_off) {
  RunRecord next = cut_off;  // One that never started goes on under its own id.
  if (cut_off.state == RunState::kRunning) {
    next = RunRecord{};
    next.spec = cut_off.spec;
    next.spec.request_id.clear();  // It names the run that was cut off.
    next.create_time = absl::Now();
    next.requeued_from_id = cut_off.id;
    next.requeue_count = cut_off.requeue_count + 1;
  }
  absl::Status refusal = absl::OkStatus();
  if (next.requeue_count > kRequeueMax) {  // M4
    refusal = absl::AbortedError(absl::StrCat("cut off ", next.requeue_count, " times in a row"));
  } else {
    // A newer daemon may carry fewer scenarios or flavors, or be stricter.
    refusal = parts_.catalog->Complete(next.spec, limits_).status();
  }
  if (refusal.ok()) {
    // Before the old one is ended: dying in between repeats a run, loses none.
    refusal = BeginAdmission();
    if (!refusal.ok()) return refusal;
    const absl::Status accepted = Accept(std::move(next)).status();
    EndAdmission();
    if (!accepted.ok()) return accepted;
    if (cut_off.state == RunState::kQueued) return absl::OkStatus();
  }
  RunRecord ended = cut_off;
  ++ended.sequence;
  ended.state = RunState::kFinished;
  ended.end_time = absl::Now();
  ended.outcome.verdict = Verdict::kError;
  ended.outcome.summary = "the daemon ended during the run; queued again";
  if (!refusal.ok()) {
    ended.outcome.summary = absl::StrCat("the daemon ended during the run; not queued again: ",
                                         std::string(refusal.message()));
    Log(LogLevel::kWarning, absl::StrCat("runs/", ended.id, ": ", ended.outcome.summary));
  }
  const absl::Status status = parts_.sink->PutRun(ended);
  if (!status.ok()) return status;
  for (const FinishedCallback& callback : callbacks_) callback(ended);
  return absl::OkStatus();
}

void RunManager::Impl::LaneLoop(const std::string& lane) {
  while (const std::shared_ptr<ActiveRun> run = queue_.Pop(lane)) ExecuteRun(run);
}

void RunManager::Impl::ExecuteRun(const std::shared_ptr<ActiveRun>& run) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++running_count_;
  }
  const RunRecord started = Update(run, [](RunRecord& each) {
    each.state = RunState::kRunning;
    each.start_time = absl::Now();
  });
  PutOrLog(started);
  RunOutcome outcome =
      parts_.executor->Execute(started, run->cancel, [&](const RunProgress& progress) {
        Update(run, [&](RunRecord& each) { each.progress = progress; });
      });
  JudgeCanary(started.spec, outcome);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    --running_count_;
  }
  Finish(run, std::move(outcome));
}

void RunManager::Impl::JudgeCanary(const RunSpec& spec, RunOutcome& outcome) const {
  const ScenarioDescription* scenario = parts_.catalog->Find(spec.scenario);
  if (scenario == nullptr || !scenario->is_canary || outcome.verdict != Verdict::kPassed) return;
  const auto expected = scenario->expected_verdicts.find(spec.flavor);
  if (expected == scenario->expected_verdicts.end()) return;
  outcome.verdict = Verdict::kInconclusive;
  outcome.summary = absl::StrCat("the canary stayed silent: ", spec.flavor, " must give ",
                                 VerdictName(expected->second));
}

void RunManager::Impl::Finish(const std::shared_ptr<ActiveRun>& run, RunOutcome outcome) {
  RunRecord ended;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ended = run->record;
  }
  ended.state = RunState::kFinished;
  ended.end_time = absl::Now();
  ended.outcome = std::move(outcome);
  if (ended.outcome.verdict == Verdict::kUnspecified) {  // M1
    ended.outcome.verdict = Verdict::kError;
    ended.outcome.summary = "the executor gave no verdict";
  }
  if (IsFinding(ended.outcome.verdict) && parts_.findings != nullptr) {
    const absl::StatusOr<std::vector<int64_t>> findings = parts_.findings->Record(ended);
    if (findings.ok()) {
      ended.finding_id = findings->front();
      ended.more_finding_ids.assign(findings->begin() + 1, findings->end());
    } else {
      Log(LogLevel::kError, absl::StrCat("the finding of runs/", ended.id,
                                         " could not be kept: ", findings.status().ToString()));
    }
  }
  // A cancel that comes while this happens still changes the record; its
  // sequence grows and the final one must be the largest.
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ended.sequence = run->record.sequence + 1;
    ended.cancel_requested = run->record.cancel_requested;
    run->record = ended;
  }
  PutOrLog(ended);
  const RunRecord published = Update(run, [](RunRecord&) {});
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    active_.erase(run->id);
    active_request_ids_.erase(ended.spec.request_id);
    ++finished_count_;
    ++verdict_counts_[ended.outcome.verdict];
  }
  for (const FinishedCallback& callback : callbacks_) callback(published);
}

void RunManager::Impl::Drain() {
  const std::lock_guard<std::mutex> drain_lock(drain_mutex_);
  {
    std::unique_lock<std::mutex> lock(mutex_);
    draining_ = true;
    admitted_.wait(lock, [&] { return admitting_count_ == 0; });
  }
  queue_.Close();
  for (const std::shared_ptr<ActiveRun>& run : queue_.TakeAll()) {
    RunOutcome outcome;
    outcome.verdict = Verdict::kCancelled;
    outcome.summary = "the daemon shut down before it started";
    Finish(run, std::move(outcome));
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [id, run] : active_) run->cancel.RequestCancel();
  }
  for (std::thread& lane : lanes_) lane.join();
  lanes_.clear();
}

}  // namespace stressd::runs
