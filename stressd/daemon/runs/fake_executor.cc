#include "stressd/daemon/runs/fake_executor.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace stressd::runs {

ScenarioCatalog FakeCatalog() {
  ScenarioDescription churn;
  churn.name = "churn";
  churn.parameters = {
      {"threads", ParameterType::kInt64, "1", "64", "4", {}, "Threads.", ParameterCounts::kThreads},
      {"share", ParameterType::kDouble, "0", "1", "0.5", {}, "Share."},
      {"fork", ParameterType::kBool, "", "", "false", {}, "Forks."},
      {"pause", ParameterType::kDuration, "0", "1s", "10ms", {}, "Pause."},
      {"mode", ParameterType::kChoice, "", "", "fast", {"fast", "slow"}, "Mode."},
  };
  ScenarioDescription canary;
  canary.name = "canary-quiet";
  canary.is_canary = true;
  canary.fresh_only = true;
  canary.expected_verdicts = {{"plain", Verdict::kCrashed}};
  ScenarioDescription forked;
  forked.name = "forked";
  forked.fresh_only = true;
  return ScenarioCatalog({forked, churn, canary},
                         {{"plain", "b1", "/bin/plain"}, {"tsan", "b2", "/bin/tsan"}});
}

RunOutcome FakeExecutor::Execute(const RunRecord& run, const CancelToken& cancel,
                                 const ProgressCallback& on_progress) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    executed_.push_back(run);
    running_count_max_ = std::max(running_count_max_, ++running_count_);
  }
  changed_.notify_all();
  RunProgress progress;
  progress.phase = "run";
  for (int i = 1; i <= 3; ++i) {
    progress.operation_count = i;
    on_progress(progress);
  }
  RunOutcome outcome;
  std::unique_lock<std::mutex> lock(mutex_);
  // The token tells nobody, so it is polled, as the supervisor does.
  while (holding_ && !cancel.IsCancelled()) {
    changed_.wait_for(lock, std::chrono::milliseconds(1));
  }
  outcome.verdict = cancel.IsCancelled() ? Verdict::kCancelled : verdict_;
  outcome.operation_count = 3;
  --running_count_;
  return outcome;
}

void FakeExecutor::HoldRuns() {
  const std::lock_guard<std::mutex> lock(mutex_);
  holding_ = true;
}

void FakeExecutor::LetRunsGo() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    holding_ = false;
  }
  changed_.notify_all();
}

void FakeExecutor::SetVerdict(Verdict verdict) {
  const std::lock_guard<std::mutex> lock(mutex_);
  verdict_ = verdict;
}

void FakeExecutor::AwaitRunning(int count) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return running_count_ >= count; });
}

std::vector<RunRecord> FakeExecutor::executed() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return executed_;
}

int FakeExecutor::running_count_max() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return running_count_max_;
}

}  // namespace stressd::runs
