// Watching a run: the newest snapshot for each subscriber, however slow.
//
// Model.  A watch holds at most one pending snapshot; a newer one replaces it,
// so a slow client loses steps but never memory, and always gets the final one.
// `on_ready` fires when a snapshot becomes pending where none was; the
// subscriber then calls Take().
// Invariants.  W1: sequences from Take() grow.  W2: after Take() returned a
// FINISHED record nothing follows.  W3: after Cancel() returned, `on_ready` is
// neither running nor called again, unless Cancel() was called from within it.
// Thread safety.  Any thread. `on_ready` runs on a publisher's thread, with no
// lock of the manager held; two publishers may be in it at once; it must not
// block.
#ifndef STRESSD_DAEMON_RUNS_RUN_WATCH_H_
#define STRESSD_DAEMON_RUNS_RUN_WATCH_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "stressd/daemon/runs/run.h"

namespace stressd::runs {

class RunWatch {
 public:
  explicit RunWatch(std::function<void()> on_ready);
  ~RunWatch();

  RunWatch(const RunWatch&) = delete;
  RunWatch& operator=(const RunWatch&) = delete;

  // The pending snapshot, or nothing.
  std::optional<RunRecord> Take();

  // Ends the watch. Idempotent.
  void Cancel();

  // Manager only: makes `run` pending.
  void Publish(const RunRecord& run);

 private:
  const std::function<void()> on_ready_;
  std::mutex mutex_;  // Leaf. Guards the rest; not held while on_ready_ runs.
  std::condition_variable idle_;
  std::optional<RunRecord> pending_;
  uint64_t last_sequence_ = 0;
  bool finished_ = false;  // The final snapshot has been pending: W2.
  bool cancelled_ = false;
  std::vector<std::thread::id> calling_threads_;  // Those inside on_ready_.
};

}  // namespace stressd::runs

#endif  // STRESSD_DAEMON_RUNS_RUN_WATCH_H_
