#include "stressd/host/observation_gate.h"

namespace stressd::host {

void ObservationGate::Open(rt::Interpreter* interpreter) {
  std::lock_guard<std::mutex> lock(mutex_);
  interpreter_ = interpreter;
  open_ = true;
}

void ObservationGate::Close() {
  std::unique_lock<std::mutex> lock(mutex_);
  open_ = false;
  left_.wait(lock, [this] { return looker_count_ == 0; });
  interpreter_ = nullptr;
}

bool ObservationGate::Enter(rt::Interpreter** interpreter) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!open_) return false;
  ++looker_count_;
  *interpreter = interpreter_;
  return true;
}

void ObservationGate::Leave() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (--looker_count_ == 0) left_.notify_all();
}

}  // namespace stressd::host
