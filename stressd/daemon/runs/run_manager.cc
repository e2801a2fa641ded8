#include "stressd/daemon/runs/run_manager.h"

#include <mutex>
#include <optional>
#include <random>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "stressd/daemon/runs/run_manager_impl.h"
#include "stressd/daemon/runs/run_queue.h"
#include "stressd/protocol/perturbation_plan.h"

namespace stressd::runs {
namespace {

std::string LaneName(const RunSpec& spec, absl::string_view fresh) {
  if (spec.host_kind == HostKind::kResident) {
    return absl::StrCat("resident/", spec.flavor);
  }
  return std::string(fresh);
}

// 48 bits: short enough to type, many enough not to repeat.
uint64_t DrawSeed() {
  std::random_device device;
  const uint64_t high = device();
  return ((high << 32) | device()) & ((uint64_t{1} << 48) - 1);
}

// Replaces an auto plan by what the run's seed draws. The spec has a seed.
void ResolvePlan(RunSpec& spec) {
  // Complete() has accepted it.
  const absl::StatusOr<protocol::Plan> plan = protocol::ParsePlan(spec.plan);
  if (plan.ok()) spec.plan = protocol::ResolvePlan(*plan, *spec.seed).Text();
}

// Whether `again` asks for what made `first`, both completed; `first` has a seed.
bool SameRequest(const RunSpec& first, RunSpec again) {
  if (first.seed.has_value() && !again.seed.has_value()) again.seed = first.seed;
  if (again.seed.has_value()) ResolvePlan(again);
  return first.plan == again.plan && first.scenario == again.scenario &&
         first.flavor == again.flavor && first.host_kind == again.host_kind &&
         first.parameters == again.parameters && first.duration == again.duration &&
         first.time_limit == again.time_limit && first.seed == again.seed;
}

absl::StatusOr<RunRecord> SameRunOr(const RunSpec& again, const RunRecord& first) {
  if (SameRequest(first.spec, again)) return first;
  return absl::AlreadyExistsError(absl::StrCat("request_id: \"", again.request_id,
                                               "\" was used for runs/", first.id,
                                               ", which asked for something else"));
}

absl::Status AlreadyFinished(const RunRecord& run) {
  return absl::FailedPreconditionError(
      absl::StrCat("runs/", run.id, " has already finished: ", VerdictName(run.outcome.verdict)));
}

}  // namespace

absl::Status RunManager::Impl::BeginAdmission() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (draining_) {
    return absl::FailedPreconditionError("the daemon is shutting down and takes no more runs");
  }
  ++admitting_count_;
  return absl::OkStatus();
}

void RunManager::Impl::EndAdmission() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    --admitting_count_;
  }
  admitted_.notify_all();
}

absl::StatusOr<RunRecord> RunManager::Impl::CreateRun(const RunSpec& spec) {
  absl::StatusOr<RunSpec> complete = parts_.catalog->Complete(spec, limits_);
  if (!complete.ok()) return complete.status();
  RunRecord run;
  run.spec = *std::move(complete);
  run.create_time = absl::Now();
  const absl::Status admitted = BeginAdmission();
  if (!admitted.ok()) return admitted;
  absl::StatusOr<RunRecord> result =
      run.spec.request_id.empty() ? Accept(std::move(run)) : CreateWithRequestId(std::move(run));
  EndAdmission();
  return result;
}

absl::StatusOr<RunRecord> RunManager::Impl::CreateWithRequestId(RunRecord run) {
  const std::string request_id = run.spec.request_id;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    // M2: of two creates with one id the second waits for the first.
    admitted_.wait(lock, [&] { return creating_ids_.count(request_id) == 0; });
    const auto it = active_request_ids_.find(request_id);
    if (it != active_request_ids_.end()) {
      return SameRunOr(run.spec, active_.at(it->second)->record);
    }
    creating_ids_.insert(request_id);
  }
  absl::StatusOr<RunRecord> result = parts_.sink->FindRunByRequestId(request_id);
  if (result.ok()) {
    result = SameRunOr(run.spec, *result);
  } else if (absl::IsNotFound(result.status())) {
    result = Accept(std::move(run));
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    creating_ids_.erase(request_id);
  }
  admitted_.notify_all();
  return result;
}

absl::StatusOr<RunRecord> RunManager::Impl::Accept(RunRecord run) {
  const bool is_new = run.id == 0;
  auto active = std::make_shared<ActiveRun>();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const int64_t waiting = static_cast<int64_t>(active_.size()) - running_count_;
    if (is_new && run.requeued_from_id == 0 && waiting >= limits_.queued_run_count_max) {
      return absl::ResourceExhaustedError(absl::StrCat("queued runs: ", waiting,
                                                       " are waiting; allowed: at most ",
                                                       limits_.queued_run_count_max));
    }
    if (is_new) run.id = next_id_++;
    if (!run.spec.seed.has_value()) run.spec.seed = DrawSeed();
    ResolvePlan(run.spec);
    run.state = RunState::kQueued;
    ++run.sequence;
    active->id = run.id;
    active->lane = LaneName(run.spec, kFreshLane);
    active->record = run;
    active_[run.id] = active;
    if (!run.spec.request_id.empty()) active_request_ids_[run.spec.request_id] = run.id;
  }
  absl::Status status = parts_.sink->PutRun(run);
  // Drain() closes the queue only when nobody is admitting: M5.
  if (status.ok() && !queue_.Push(active)) status = absl::InternalError("the queue is closed");
  if (status.ok()) return run;
  const std::lock_guard<std::mutex> lock(mutex_);
  active_.erase(run.id);
  active_request_ids_.erase(run.spec.request_id);
  return status;
}

absl::StatusOr<RunRecord> RunManager::Impl::GetRun(int64_t id) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto it = active_.find(id);
    if (it != active_.end()) return it->second->record;
  }
  return parts_.sink->GetRun(id);
}

absl::StatusOr<RunPage> RunManager::Impl::ListRuns(RunQuery query, int32_t page_size,
                                                   const std::string& page_token) {
  constexpr int32_t kPageSizeDefault = 50;
  if (page_size < 0 || page_size > limits_.page_size_max) {
    return absl::InvalidArgumentError(absl::StrCat(
        "page_size: \"", page_size, "\" is out of range; allowed: 0 to ", limits_.page_size_max));
  }
  const int32_t limit = page_size == 0 ? kPageSizeDefault : page_size;
  if (!page_token.empty() &&
      (!absl::SimpleAtoi(page_token, &query.before_id) || query.before_id <= 0)) {
    return absl::InvalidArgumentError(
        "page_token: is not one of ours; allowed: next_page_token of the page before");
  }
  query.limit = limit + 1;  // One more tells whether there is another page.
  absl::StatusOr<std::vector<RunRecord>> runs = parts_.sink->ListRuns(query);
  if (!runs.ok()) return runs.status();
  RunPage page;
  page.runs = *std::move(runs);
  if (page.runs.size() > static_cast<size_t>(limit)) {
    page.runs.resize(static_cast<size_t>(limit));
    page.next_page_token = absl::StrCat(page.runs.back().id);
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  for (RunRecord& run : page.runs) {
    const auto it = active_.find(run.id);
    if (it != active_.end()) run = it->second->record;  // With its progress.
  }
  return page;
}

absl::StatusOr<RunRecord> RunManager::Impl::CancelRun(int64_t id) {
  std::shared_ptr<ActiveRun> run;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto it = active_.find(id);
    if (it != active_.end()) run = it->second;
  }
  if (run == nullptr) {
    const absl::StatusOr<RunRecord> stored = parts_.sink->GetRun(id);
    if (!stored.ok()) return stored.status();
    return AlreadyFinished(*stored);
  }
  run->cancel.RequestCancel();
  bool has_finished = false;
  RunRecord record = Update(run, [&](RunRecord& each) {
    has_finished = each.state == RunState::kFinished;
    if (!has_finished) each.cancel_requested = true;
  });
  // Who watches has seen its end already, though we still hold it.
  if (has_finished) return AlreadyFinished(record);
  if (!queue_.Remove(id)) return record;
  RunOutcome outcome;
  outcome.verdict = Verdict::kCancelled;
  outcome.summary = "cancelled before it started";
  Finish(run, std::move(outcome));
  const std::lock_guard<std::mutex> lock(mutex_);
  return run->record;
}

absl::StatusOr<std::shared_ptr<RunWatch>> RunManager::Impl::WatchRun(
    int64_t id, std::function<void()> on_ready) {
  auto watch = std::make_shared<RunWatch>(std::move(on_ready));
  std::optional<RunRecord> now;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto it = active_.find(id);
    if (it != active_.end()) {
      now = it->second->record;
      it->second->watches.push_back(watch);
    }
  }
  if (!now.has_value()) {
    absl::StatusOr<RunRecord> stored = parts_.sink->GetRun(id);
    if (!stored.ok()) return stored.status();
    now = *std::move(stored);
  }
  watch->Publish(*now);
  return watch;
}

RunManagerStatus RunManager::Impl::Status() {
  const std::lock_guard<std::mutex> lock(mutex_);
  RunManagerStatus status;
  status.running_run_count = running_count_;
  status.queued_run_count = static_cast<int32_t>(active_.size()) - running_count_;
  status.finished_run_count = finished_count_;
  status.verdict_counts = verdict_counts_;
  status.draining = draining_;
  return status;
}

std::vector<RunRecord> RunManager::Impl::ActiveRuns() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<RunRecord> runs;
  for (const auto& [id, run] : active_) runs.push_back(run->record);
  return runs;
}

RunManager::RunManager(const RunManagerParts& parts, const Limits& limits)
    : impl_(std::make_unique<Impl>(parts, limits)) {}

RunManager::~RunManager() { impl_->Drain(); }

absl::Status RunManager::Start() { return impl_->Start(); }

absl::StatusOr<RunRecord> RunManager::CreateRun(const RunSpec& spec) {
  return impl_->CreateRun(spec);
}

absl::StatusOr<RunRecord> RunManager::GetRun(int64_t id) { return impl_->GetRun(id); }

absl::StatusOr<RunPage> RunManager::ListRuns(RunQuery query, int32_t page_size,
                                             const std::string& page_token) {
  return impl_->ListRuns(std::move(query), page_size, page_token);
}

absl::StatusOr<RunRecord> RunManager::CancelRun(int64_t id) { return impl_->CancelRun(id); }

absl::StatusOr<std::shared_ptr<RunWatch>> RunManager::WatchRun(int64_t id,
                                                               std::function<void()> on_ready) {
  return impl_->WatchRun(id, std::move(on_ready));
}

void RunManager::AddFinishedCallback(FinishedCallback callback) {
  impl_->AddFinishedCallback(std::move(callback));
}

RunManagerStatus RunManager::Status() { return impl_->Status(); }

std::vector<RunRecord> RunManager::ActiveRuns() { return impl_->ActiveRuns(); }

const ScenarioCatalog& RunManager::catalog() const { return *impl_->parts().catalog; }

const Limits& RunManager::limits() const { return impl_->limits(); }

void RunManager::Drain() { impl_->Drain(); }

}  // namespace stressd::runs
