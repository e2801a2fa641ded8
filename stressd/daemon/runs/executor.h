// What the manager of runs needs of whoever executes them: the supervisor of
// runtime hosts, or a fake in tests.
//
// Model.  Execute() is one run from start to verdict, on the caller's thread.
// Whatever goes wrong becomes the outcome's verdict; nothing is thrown or
// returned as an error.
// Thread safety.  Any thread; one Execute() per thread. RequestCancel() may
// come at any time, before Execute() too.
#ifndef STRESSD_DAEMON_RUNS_EXECUTOR_H_
#define STRESSD_DAEMON_RUNS_EXECUTOR_H_

#include <atomic>
#include <functional>

#include "stressd/daemon/runs/run.h"

namespace stressd::runs {

// Asks a run to end early. Shared by the manager and the executor.
class CancelToken {
 public:
  // relaxed (both): a flag that is polled; it publishes nothing else.
  void RequestCancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool IsCancelled() const { return cancelled_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
};

class Executor {
 public:
  using ProgressCallback = std::function<void(const RunProgress&)>;

  virtual ~Executor() = default;

  // Executes `run` and returns what it found; the verdict is never
  // kUnspecified. Blocks; notices `cancel` within 100 ms. `on_progress` is
  // called on this thread, a few times a second, with no lock held.
  virtual RunOutcome Execute(const RunRecord& run, const CancelToken& cancel,
                             const ProgressCallback& on_progress) = 0;
};

}  // namespace stressd::runs

#endif  // STRESSD_DAEMON_RUNS_EXECUTOR_H_
