#include "stressd/daemon/runs/run_watch.h"

#include <algorithm>
#include <utility>

namespace stressd::runs {

RunWatch::RunWatch(std::function<void()> on_ready) : on_ready_(std::move(on_ready)) {}

RunWatch::~RunWatch() { Cancel(); }

std::optional<RunRecord> RunWatch::Take() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(pending_, std::nullopt);
}

void RunWatch::Cancel() {
  std::unique_lock<std::mutex> lock(mutex_);
  cancelled_ = true;
  pending_.reset();
  const std::thread::id self = std::this_thread::get_id();
  idle_.wait(lock, [&] {
    return std::all_of(calling_threads_.begin(), calling_threads_.end(),
                       [&](std::thread::id id) { return id == self; });
  });
}

void RunWatch::Publish(const RunRecord& run) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    // W1. Two publishers may arrive here in the wrong order.
    if (cancelled_ || finished_ || run.sequence <= last_sequence_) return;
    finished_ = run.state == RunState::kFinished;  // W2
    last_sequence_ = run.sequence;
    const bool was_empty = !pending_.has_value();
    pending_ = run;
    if (!was_empty || !on_ready_) return;
    calling_threads_.push_back(std::this_thread::get_id());
  }
  on_ready_();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    calling_threads_.erase(
        std::find(calling_threads_.begin(), calling_threads_.end(), std::this_thread::get_id()));
    // Under the lock: Cancel()'s caller may destroy us as soon as it is free.
    idle_.notify_all();
  }
}

}  // namespace stressd::runs
