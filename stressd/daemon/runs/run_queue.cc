#include "stressd/daemon/runs/run_queue.h"

#include <algorithm>
#include <utility>

namespace stressd::runs {

bool RunQueue::Push(std::shared_ptr<ActiveRun> run) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) return false;
    runs_.push_back(std::move(run));
  }
  changed_.notify_all();
  return true;
}

std::shared_ptr<ActiveRun> RunQueue::Pop(const std::string& lane) {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!closed_) {
    const auto it = std::find_if(runs_.begin(), runs_.end(),
                                 [&](const auto& each) { return each->lane == lane; });
    if (it != runs_.end()) {
      std::shared_ptr<ActiveRun> run = std::move(*it);
      runs_.erase(it);
      return run;
    }
    changed_.wait(lock);
  }
  return nullptr;
}

bool RunQueue::Remove(int64_t id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto it =
      std::find_if(runs_.begin(), runs_.end(), [&](const auto& each) { return each->id == id; });
  if (it == runs_.end()) return false;
  runs_.erase(it);
  return true;
}

size_t RunQueue::run_count() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return runs_.size();
}

void RunQueue::Close() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

std::vector<std::shared_ptr<ActiveRun>> RunQueue::TakeAll() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::shared_ptr<ActiveRun>> all(runs_.begin(), runs_.end());
  runs_.clear();
  return all;
}

}  // namespace stressd::runs
