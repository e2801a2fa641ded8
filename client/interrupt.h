// Ctrl-C, told apart from a crash: the first asks the daemon to cancel what this
// client started and lets the verdicts arrive, the second ends the client.
//
// Model.  Main blocks SIGINT and SIGTERM before any thread starts; one thread
//   waits for them with sigwait(), so the handler may do anything.
// Thread safety.  SetAction() from any thread. The action runs on the waiting
//   thread, with the mutex held: it must not call SetAction().
#ifndef CLIENT_INTERRUPT_H_
#define CLIENT_INTERRUPT_H_

#include <functional>
#include <mutex>

namespace stressd::client {

class Interrupt {
 public:
  // Blocks the signals and starts the thread, which lives as long as the process.
  // Call once, before any other thread exists.
  static Interrupt& Install();

  // What the first signal does; empty: ends the process with 128 + the signal.
  void SetAction(std::function<void()> action);

 private:
  Interrupt() = default;
  void WaitForSignals();

  std::mutex mutex_;
  std::function<void()> action_;  // Guarded by mutex_.
};

}  // namespace stressd::client

#endif  // CLIENT_INTERRUPT_H_
