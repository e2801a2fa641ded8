#include "stressd/daemon/runs/soak_manager.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "stressd/daemon/runs/soak_draw.h"
#include "stressd/daemon/runs/soak_state.h"

namespace stressd::runs {
namespace {

using Clock = SoakClock;

// How often the elapsed time is stored when nothing else happens.
constexpr absl::Duration kStorePeriod = absl::Seconds(10);
// Between attempts when the daemon takes no run now.
constexpr absl::Duration kRetryPeriod = absl::Seconds(1);

Clock::duration ToClock(absl::Duration duration) {
  return std::chrono::nanoseconds(absl::ToInt64Nanoseconds(duration));
}

uint64_t DrawSeed() {
  std::random_device device;
  return (uint64_t{device()} << 16) | 1;  // Never 0, which means "draw".
}

}  // namespace

class SoakManager::Impl {
 public:
  Impl(RunManager* runs, RunSink* sink, LogSink* log) : runs_(*runs), sink_(*sink), log_(*log) {}

  absl::Status Start();
  absl::StatusOr<SoakRecord> StartSoak(SoakPlan plan);
  absl::StatusOr<SoakRecord> StartOrResumeSoak(SoakPlan plan);
  absl::StatusOr<SoakRecord> StopSoak(int64_t id);
  absl::StatusOr<SoakRecord> GetSoak(int64_t id);
  absl::StatusOr<std::vector<SoakRecord>> ListSoaks();
  void Drain();
  void OnRunFinished(const RunRecord& run);

 private:
  // A step to begin, drawn under the lock, executed without it.
  struct Step {
    int64_t soak_id = 0;
    RunSpec spec;
  };

  void Loop();
  // Ends what is due and draws the next steps; sets when to look again.
  std::vector<Step> CollectLocked(Clock::time_point now, Clock::time_point& wake,
                                  std::vector<int64_t>& changed);
  std::optional<Step> DrawLocked(ActiveSoak& soak, Clock::time_point now);
  void Begin(const Step& step);
  void ResumeLocked(SoakRecord record, const std::vector<RunRecord>& active_runs);
  absl::Status Store(int64_t id);
  void StoreOrLog(int64_t id);

  RunManager& runs_;
  RunSink& sink_;
  LogSink& log_;

  std::mutex put_mutex_;  // Orders the puts. Before mutex_.
  std::mutex mutex_;      // Guards what follows.
  std::condition_variable changed_;
  std::map<int64_t, ActiveSoak> soaks_;
  std::vector<RunRecord> early_runs_;  // Finished before Start().
  int64_t next_id_ = 1;
  uint64_t version_ = 0;  // Grows when there may be something to do.
  bool started_ = false;
  bool draining_ = false;
  std::thread thread_;
};

absl::Status SoakManager::Impl::Store(int64_t id) {
  const std::lock_guard<std::mutex> put_lock(put_mutex_);
  SoakRecord copy;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto it = soaks_.find(id);
    if (it == soaks_.end()) return absl::OkStatus();  // Its end is stored.
    if (!HasEnded(it->second.record.state)) it->second.UpdateElapsed();
    it->second.stored_elapsed = it->second.record.elapsed;
    copy = it->second.record;
  }
  absl::Status status = sink_.PutSoak(copy);
  if (HasEnded(copy.state)) {
    const std::lock_guard<std::mutex> lock(mutex_);
    soaks_.erase(id);
  }
  return status;
}

void SoakManager::Impl::StoreOrLog(int64_t id) {
  const absl::Status status = Store(id);
  if (!status.ok()) {
    log_.Log(LogLevel::kError,
             absl::StrCat("soaks/", id, " could not be stored: ", status.ToString()));
  }
}

absl::Status SoakManager::Impl::Start() {
  absl::StatusOr<int64_t> last_id = sink_.LastSoakId();
  if (!last_id.ok()) return last_id.status();
  absl::StatusOr<std::vector<SoakRecord>> soaks = sink_.ListSoaks();
  if (!soaks.ok()) return soaks.status();
  std::vector<int64_t> resumed;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const std::vector<RunRecord> active_runs = runs_.ActiveRuns();
    next_id_ = *last_id + 1;
    for (SoakRecord& record : *soaks) {
      if (HasEnded(record.state)) continue;
      resumed.push_back(record.id);
      ResumeLocked(std::move(record), active_runs);
    }
    started_ = true;
  }
  for (const int64_t id : resumed) StoreOrLog(id);
  std::vector<RunRecord> early;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    early.swap(early_runs_);
  }
  for (const RunRecord& run : early) OnRunFinished(run);
  thread_ = std::thread([this] { Loop(); });
  return absl::OkStatus();
}

void SoakManager::Impl::ResumeLocked(SoakRecord record, const std::vector<RunRecord>& active_runs) {
  ActiveSoak soak;
  ++record.restart_count;
  soak.elapsed_before = record.elapsed;
  soak.resume_time = Clock::now();
  soak.next_time = soak.resume_time;
  for (const RunRecord& run : active_runs) {
    if (run.spec.soak_id == record.id) soak.run_ids.insert(run.id);
  }
  const absl::Status valid = ValidateSoakPlan(record.plan, runs_.catalog(), runs_.limits());
  if (!valid.ok()) {
    log_.Log(LogLevel::kWarning,
             absl::StrCat("soaks/", record.id, " cannot go on and is stopped: ", valid.ToString()));
    record.state = SoakState::kStopping;
  }
  if (record.state == SoakState::kStopping) soak.end_state = SoakState::kStopped;
  soak.record = std::move(record);
  const int64_t id = soak.record.id;
  soaks_[id] = std::move(soak);
}

void SoakManager::Impl::OnRunFinished(const RunRecord& run) {
  if (run.spec.soak_id == 0) return;
  bool silent_canary = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!started_) {
      early_runs_.push_back(run);
      return;
    }
    const auto it = soaks_.find(run.spec.soak_id);
    if (it == soaks_.end()) return;
    ActiveSoak& soak = it->second;
    if (soak.run_ids.erase(run.id) == 0 && soak.starting_count > 0) {
      soak.finished_early.insert(run.id);
    }
    silent_canary = CountSoakRun(run, runs_.catalog(), soak.record);
    ++version_;
  }
  if (silent_canary) {
    log_.Log(LogLevel::kWarning,
             absl::StrCat("soaks/", run.spec.soak_id, ": ", run.spec.scenario, " in ",
                          run.spec.flavor, " (runs/", run.id, ") stayed silent: what ",
                          "the soak does not find in this flavor may be there"));
  }
  StoreOrLog(run.spec.soak_id);
  changed_.notify_all();
}

absl::StatusOr<SoakRecord> SoakManager::Impl::StartSoak(SoakPlan plan) {
  absl::Status status = ValidateSoakPlan(plan, runs_.catalog(), runs_.limits());
  if (!status.ok()) return status;
  if (plan.seed == 0) plan.seed = DrawSeed();
  ActiveSoak soak;
  soak.resume_time = Clock::now();
  soak.next_time = soak.resume_time;
  soak.record.create_time = absl::Now();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (draining_) {
      return absl::FailedPreconditionError("the daemon is shutting down and takes no more soaks");
    }
    for (const auto& [id, each] : soaks_) {
      if (each.record.state == SoakState::kActive && each.record.plan.name == plan.name) {
        return absl::AlreadyExistsError(
            absl::StrCat("name: \"", plan.name, "\" is the active soaks/", id));
      }
    }
    const int32_t maximum = runs_.limits().active_soak_count_max;
    if (soaks_.size() >= static_cast<size_t>(maximum)) {
      return absl::ResourceExhaustedError(
          absl::StrCat("active soaks: ", soaks_.size(), "; allowed: at most ", maximum));
    }
    soak.record.id = next_id_++;
    soak.record.plan = std::move(plan);
    soaks_[soak.record.id] = soak;
    ++version_;
  }
  status = Store(soak.record.id);
  if (!status.ok()) {
    const std::lock_guard<std::mutex> lock(mutex_);
    soaks_[soak.record.id].record.state = SoakState::kStopping;
    return status;
  }
  changed_.notify_all();
  return soak.record;
}

absl::StatusOr<SoakRecord> SoakManager::Impl::StartOrResumeSoak(SoakPlan plan) {
  std::optional<int64_t> older;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (auto& [id, soak] : soaks_) {
      if (soak.record.state != SoakState::kActive || soak.record.plan.name != plan.name) continue;
      SoakPlan same = soak.record.plan;
      if (plan.seed == 0) same.seed = 0;  // It was drawn.
      if (same == plan) return soak.record;
      older = id;
    }
  }
  if (older.has_value()) {
    log_.Log(LogLevel::kInfo, absl::StrCat("soaks/", *older, " is stopped: its plan has changed"));
    const absl::Status stopped = StopSoak(*older).status();
    if (!stopped.ok()) return stopped;
  }
  return StartSoak(std::move(plan));
}

absl::StatusOr<SoakRecord> SoakManager::Impl::StopSoak(int64_t id) {
  SoakRecord record;
  std::set<int64_t> run_ids;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto it = soaks_.find(id);
    if (it != soaks_.end()) {
      it->second.record.state = SoakState::kStopping;
      it->second.end_state = SoakState::kStopped;
      ++version_;
      run_ids = it->second.run_ids;
      record = it->second.record;
    }
  }
  if (record.id == 0) {
    const absl::StatusOr<SoakRecord> stored = sink_.GetSoak(id);
    if (!stored.ok()) return stored.status();
    return absl::FailedPreconditionError(
        absl::StrCat("soaks/", id, " has already ended: ", SoakStateName(stored->state)));
  }
  // A run that has finished meanwhile is none to cancel.
  for (const int64_t run_id : run_ids) runs_.CancelRun(run_id).status().IgnoreError();
  StoreOrLog(id);
  changed_.notify_all();
  return record;
}

absl::StatusOr<SoakRecord> SoakManager::Impl::GetSoak(int64_t id) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto it = soaks_.find(id);
    if (it != soaks_.end()) {
      if (!HasEnded(it->second.record.state)) it->second.UpdateElapsed();
      return it->second.record;
    }
  }
  return sink_.GetSoak(id);
}

absl::StatusOr<std::vector<SoakRecord>> SoakManager::Impl::ListSoaks() {
  absl::StatusOr<std::vector<SoakRecord>> soaks = sink_.ListSoaks();
  if (!soaks.ok()) return soaks.status();
  const std::lock_guard<std::mutex> lock(mutex_);
  for (SoakRecord& record : *soaks) {
    const auto it = soaks_.find(record.id);
    if (it == soaks_.end()) continue;
    if (!HasEnded(it->second.record.state)) it->second.UpdateElapsed();
    record = it->second.record;
  }
  return soaks;
}

std::optional<SoakManager::Impl::Step> SoakManager::Impl::DrawLocked(ActiveSoak& soak,
                                                                     Clock::time_point now) {
  SoakRecord& record = soak.record;
  if (record.state != SoakState::kActive || now < soak.next_time) return std::nullopt;
  const absl::Duration interval = record.plan.interval;
  if (interval > absl::ZeroDuration()) {
    soak.next_time += ToClock(interval);
    while (soak.next_time <= now) {
      soak.next_time += ToClock(interval);
      ++record.skipped_count;
    }
    if (soak.step_limit() <= 0) {
      ++record.skipped_count;
      return std::nullopt;
    }
  }
  if (soak.step_limit() <= 0) return std::nullopt;  // K1
  Step step;
  step.soak_id = record.id;
  step.spec = DrawSoakCanary(record.plan, runs_.catalog(), record.step_count)
                  .value_or(DrawSoakStep(record.plan, record.step_count));
  step.spec.soak_id = record.id;
  ++record.step_count;
  ++soak.starting_count;
  return step;
}

std::vector<SoakManager::Impl::Step> SoakManager::Impl::CollectLocked(
    Clock::time_point now, Clock::time_point& wake, std::vector<int64_t>& changed) {
  std::vector<Step> steps;
  for (auto& [id, soak] : soaks_) {
    SoakRecord& record = soak.record;
    if (HasEnded(record.state)) continue;
    soak.UpdateElapsed();
    const absl::Duration duration = record.plan.duration;
    if (record.state == SoakState::kActive && duration > absl::ZeroDuration()) {
      if (record.elapsed >= duration) {
        record.state = SoakState::kStopping;
      } else {
        wake = std::min(wake, now + ToClock(duration - record.elapsed));
      }
    }
    while (std::optional<Step> step = DrawLocked(soak, now)) steps.push_back(*std::move(step));
    if (soak.next_time > now) wake = std::min(wake, soak.next_time);
    if (record.state == SoakState::kStopping && soak.run_ids.empty() && soak.starting_count == 0) {
      record.state = soak.end_state;
      record.end_time = absl::Now();
    }
    if (HasEnded(record.state) || record.elapsed - soak.stored_elapsed >= kStorePeriod) {
      changed.push_back(id);
    }
  }
  return steps;
}

void SoakManager::Impl::Begin(const Step& step) {
  const absl::StatusOr<RunRecord> run = runs_.CreateRun(step.spec);
  bool cancel = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ActiveSoak& soak = soaks_.at(step.soak_id);  // starting_count keeps it.
    --soak.starting_count;
    if (run.ok()) {
      if (soak.finished_early.erase(run->id) == 0) soak.run_ids.insert(run->id);
      cancel = soak.end_state == SoakState::kStopped;
    } else {
      soak.next_time = std::max(soak.next_time, Clock::now() + ToClock(kRetryPeriod));
      ++version_;  // To wait no longer than that.
      if (soak.starting_count == 0) soak.finished_early.clear();
    }
  }
  if (cancel) runs_.CancelRun(run->id).status().IgnoreError();  // Stopped meanwhile.
  if (!run.ok()) {
    log_.Log(
        LogLevel::kWarning,
        absl::StrCat("soaks/", step.soak_id, " could not begin a step: ", run.status().ToString()));
  }
}

void SoakManager::Impl::Loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!draining_) {
    const Clock::time_point now = Clock::now();
    Clock::time_point wake = now + ToClock(kStorePeriod);
    std::vector<int64_t> changed;
    const uint64_t version = version_;
    const std::vector<Step> steps = CollectLocked(now, wake, changed);
    lock.unlock();
    for (const Step& step : steps) Begin(step);
    for (const int64_t id : changed) StoreOrLog(id);
    lock.lock();
    changed_.wait_until(lock, wake, [&] { return draining_ || version_ != version; });
  }
}

void SoakManager::Impl::Drain() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    draining_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  std::vector<int64_t> ids;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [id, soak] : soaks_) ids.push_back(id);
  }
  for (const int64_t id : ids) StoreOrLog(id);
}

SoakManager::SoakManager(RunManager* runs, RunSink* sink, LogSink* log)
    : impl_(std::make_shared<Impl>(runs, sink, log)) {
  runs->AddFinishedCallback([impl = impl_](const RunRecord& run) { impl->OnRunFinished(run); });
}

SoakManager::~SoakManager() { impl_->Drain(); }

absl::Status SoakManager::Start() { return impl_->Start(); }

absl::StatusOr<SoakRecord> SoakManager::StartSoak(SoakPlan plan) {
  return impl_->StartSoak(std::move(plan));
}

absl::StatusOr<SoakRecord> SoakManager::StartOrResumeSoak(SoakPlan plan) {
  return impl_->StartOrResumeSoak(std::move(plan));
}

absl::StatusOr<SoakRecord> SoakManager::StopSoak(int64_t id) { return impl_->StopSoak(id); }

absl::StatusOr<SoakRecord> SoakManager::GetSoak(int64_t id) { return impl_->GetSoak(id); }

absl::StatusOr<std::vector<SoakRecord>> SoakManager::ListSoaks() { return impl_->ListSoaks(); }

void SoakManager::Drain() { impl_->Drain(); }

}  // namespace stressd::runs
