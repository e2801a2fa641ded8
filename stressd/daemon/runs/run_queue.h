// The queue of accepted runs, one line per lane.
//
// Model.  A lane is a name ("fresh", "resident/tsan") whose threads pop in
// order of arrival. Whoever gets a run out, by Pop() or Remove(), owns its
// ending: nobody else can get it.
// Invariants.  Q1: a run is handed out once.  Q2: after Close(), Pop() hands
// out nothing; what is left is TakeAll()'s.
// Thread safety.  Any thread. Lock order: mutex_ is a leaf.
#ifndef STRESSD_DAEMON_RUNS_RUN_QUEUE_H_
#define STRESSD_DAEMON_RUNS_RUN_QUEUE_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "stressd/daemon/runs/executor.h"
#include "stressd/daemon/runs/run.h"
#include "stressd/daemon/runs/run_watch.h"

namespace stressd::runs {

// An accepted run that is not finished.
struct ActiveRun {
  int64_t id = 0;
  std::string lane;
  CancelToken cancel;
  // Guarded by the manager's mutex.
  RunRecord record;
  std::vector<std::weak_ptr<RunWatch>> watches;
};

class RunQueue {
 public:
  // False, and not queued, after Close().
  bool Push(std::shared_ptr<ActiveRun> run);

  // Waits for a run of `lane`. Null after Close().
  std::shared_ptr<ActiveRun> Pop(const std::string& lane);

  // Takes the run out of the line. False if it is not in it (any more).
  bool Remove(int64_t id);

  size_t run_count() const;

  void Close();
  std::vector<std::shared_ptr<ActiveRun>> TakeAll();

 private:
  mutable std::mutex mutex_;  // Guards the rest.
  std::condition_variable changed_;
  std::list<std::shared_ptr<ActiveRun>> runs_;  // In order of arrival.
  bool closed_ = false;
};

}  // namespace stressd::runs

#endif  // STRESSD_DAEMON_RUNS_RUN_QUEUE_H_
