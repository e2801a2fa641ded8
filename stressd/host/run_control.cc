#include "stressd/host/run_control.h"

namespace stressd::host {

bool RunControl::Begin(int64_t run_id) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (run_id_ != 0) return false;
  run_id_ = run_id;
  reason_ = StopReason::kNone;
  // relaxed: the executor gets the run through a mutex after this.
  stop_.store(false, std::memory_order_relaxed);
  return true;
}

void RunControl::End() {
  std::lock_guard<std::mutex> lock(mutex_);
  run_id_ = 0;
}

void RunControl::Stop(int64_t run_id, StopReason reason) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (run_id_ == run_id) StopLocked(reason);
}

void RunControl::StopLive(StopReason reason) {
  std::lock_guard<std::mutex> lock(mutex_);
  StopLocked(reason);
}

void RunControl::StopLocked(StopReason reason) {
  if (run_id_ == 0 || reason_ != StopReason::kNone) return;
  reason_ = reason;
  // relaxed: a flag that orders nothing; a late reader makes one round more.
  stop_.store(true, std::memory_order_relaxed);
}

int64_t RunControl::live_run_id() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return run_id_;
}

StopReason RunControl::reason() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return reason_;
}

}  // namespace stressd::host
