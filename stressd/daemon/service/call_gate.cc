#include "stressd/daemon/service/call_gate.h"

#include <utility>

namespace stressd::service {

bool CallGate::Enter() {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  ++call_count_;
  return true;
}

void CallGate::Leave() {
  const std::lock_guard lock(mutex_);
  if (--call_count_ == 0) idle_.notify_all();
}

int64_t CallGate::AddStream(std::function<void()> on_close) {
  const std::lock_guard lock(stream_mutex_);
  bool closed = false;
  {
    const std::lock_guard inner(mutex_);
    closed = closed_;
  }
  if (closed) on_close();
  streams_.emplace(++last_handle_, std::move(on_close));
  return last_handle_;
}

void CallGate::RemoveStream(int64_t handle) {
  const std::lock_guard lock(stream_mutex_);
  streams_.erase(handle);
}

void CallGate::Close() {
  const std::lock_guard lock(stream_mutex_);
  {
    const std::lock_guard inner(mutex_);
    if (closed_) return;
    closed_ = true;
  }
  for (const auto& [handle, on_close] : streams_) on_close();
}

bool CallGate::WaitUntilIdle(absl::Duration timeout) {
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, absl::ToChronoNanoseconds(timeout),
                        [this] { return call_count_ == 0; });
}

}  // namespace stressd::service
