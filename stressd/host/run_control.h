// How one thread of the host asks the run on another one to stop.
//
// Model.  Begin() announces a run before it is handed to the executor, so that a
// cancel that follows its request at once is not lost. The first reason counts.
// Invariants.  R1: at most one run is live.
// Thread safety.  All functions from any thread; mutex_ is a leaf.
// Fork.  Children use the flag only.
#ifndef STRESSD_HOST_RUN_CONTROL_H_
#define STRESSD_HOST_RUN_CONTROL_H_

#include <atomic>
#include <cstdint>
#include <mutex>

namespace stressd::host {

enum class StopReason { kNone, kCancelled, kTimedOut };

class RunControl {
 public:
  // Announces run `run_id`, greater than 0. Returns false while another lives.
  [[nodiscard]] bool Begin(int64_t run_id);
  // The live run is over.
  void End();

  // Asks the live run to stop if it is `run_id`.
  void Stop(int64_t run_id, StopReason reason);
  // Asks whatever run is live to stop.
  void StopLive(StopReason reason);

  // 0: none.
  int64_t live_run_id() const;
  StopReason reason() const;
  // True from the first Stop() to the next Begin().
  const std::atomic<bool>* stop_flag() const { return &stop_; }

 private:
  void StopLocked(StopReason reason);

  mutable std::mutex mutex_;  // Guards the two fields below.
  int64_t run_id_ = 0;
  StopReason reason_ = StopReason::kNone;
  std::atomic<bool> stop_{false};
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_RUN_CONTROL_H_
