// An executor without hosts, and a catalog, for tests.
#ifndef STRESSD_DAEMON_RUNS_FAKE_EXECUTOR_H_
#define STRESSD_DAEMON_RUNS_FAKE_EXECUTOR_H_

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "stressd/daemon/runs/executor.h"
#include "stressd/daemon/runs/scenario_catalog.h"

namespace stressd::runs {

// Scenarios "churn" (int64 `threads` 1..64, double `share`, bool `fork`,
// duration `pause`, choice `mode`), "canary-quiet" (must CRASH in plain) and
// "forked" (fresh only) in the flavors plain and tsan.
ScenarioCatalog FakeCatalog();

// Runs end at once as PASSED, or wait until they are let go or cancelled.
class FakeExecutor final : public Executor {
 public:
  RunOutcome Execute(const RunRecord& run, const CancelToken& cancel,
                     const ProgressCallback& on_progress) override;

  void HoldRuns();
  void LetRunsGo();
  // The verdict of all runs from now on.
  void SetVerdict(Verdict verdict);
  // Waits until `count` runs are inside Execute().
  void AwaitRunning(int count);

  std::vector<RunRecord> executed();
  int running_count_max();

 private:
  std::mutex mutex_;  // Guards the rest.
  std::condition_variable changed_;
  bool holding_ = false;
  Verdict verdict_ = Verdict::kPassed;
  int running_count_ = 0;
  int running_count_max_ = 0;
  std::vector<RunRecord> executed_;
};

}  // namespace stressd::runs

#endif  // STRESSD_DAEMON_RUNS_FAKE_EXECUTOR_H_
