// Counts the calls in flight, so that a shutdown can wait for them instead of
// for the transport's deadline, and tells streams to end.
//
// Model.  Every call passes Enter() and, when it is done, Leave(). Streams
// register what to call when the gate closes.
// Invariants.  G1: after Close() no call enters.  G2: a stream's callback does
// not run after RemoveStream() returned.
// Thread safety.  Any thread. stream_mutex_ is held while callbacks run; they
// may take their stream's mutex, but must not call the gate.
#ifndef STRESSD_DAEMON_SERVICE_CALL_GATE_H_
#define STRESSD_DAEMON_SERVICE_CALL_GATE_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>

#include "absl/time/time.h"

namespace stressd::service {

class CallGate {
 public:
  // False once the gate is closed: the call must be refused, without Leave().
  [[nodiscard]] bool Enter();
  void Leave();

  // Returns a handle for RemoveStream(), never 0. If the gate is closed,
  // `on_close` is called before this returns.
  int64_t AddStream(std::function<void()> on_close);
  void RemoveStream(int64_t handle);

  // Refuses new calls and asks the streams to end.
  void Close();

  // Waits until no call is in flight; false after `timeout`.
  bool WaitUntilIdle(absl::Duration timeout);

 private:
  std::mutex mutex_;  // Leaf. Guards the next three.
  std::condition_variable idle_;
  int64_t call_count_ = 0;
  bool closed_ = false;
  std::mutex stream_mutex_;  // Before mutex_. Guards the rest.
  std::map<int64_t, std::function<void()>> streams_;
  int64_t last_handle_ = 0;
};

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_CALL_GATE_H_
