// HelperThreads: what a plan does to the workers from outside: signals, busy threads,
// fewer processors.
//
// Model.  The sender sends SIGURG, in turn, to the OS threads that WorkerId() names.
//   The signal has a handler that does nothing and restarts what it interrupts; it is
//   ignored by default, so that a late one is harmless too. Busy threads compute
//   nothing. Fewer processors: the affinity of the calling thread, which the threads
//   that it makes inherit.
// Thread safety.  One thread makes and ends one of these.
// Fork.  No helper exists in the child, which keeps handler and affinity.
#ifndef STRESSD_HOST_PERTURBATION_HELPER_THREADS_H_
#define STRESSD_HOST_PERTURBATION_HELPER_THREADS_H_

#include <sched.h>
#include <signal.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "stressd/protocol/perturbation_plan.h"

namespace stressd::host {

class HelperThreads {
 public:
  // Returns the kernel's id of a worker, or 0, by a number below `count`. Any thread.
  struct WorkerIds {
    size_t count = 0;
    pid_t (*at)(size_t number) = nullptr;
  };

  HelperThreads();
  // As End().
  ~HelperThreads();
  HelperThreads(const HelperThreads&) = delete;
  HelperThreads& operator=(const HelperThreads&) = delete;

  // Starts what `plan` asks for. ResourceExhaustedError if a thread cannot be made;
  // then nothing is left running.
  absl::Status Begin(const protocol::Plan& plan, WorkerIds workers);

  // Ends and joins all threads, waits until the kernel has forgotten them, and gives
  // the calling thread its processors back.
  void End();

  // How many signals were sent.
  int64_t signal_count() const;

 private:
  struct Thread;

  absl::Status StartThread(void* (*body)(void*), WorkerIds workers, int64_t period_ns);
  void TakeProcessors(int64_t most);

  std::vector<std::unique_ptr<Thread>> threads_;
  bool has_handler_ = false;
  struct sigaction handler_before_ = {};
  bool has_affinity_ = false;
  cpu_set_t affinity_before_;
  int64_t signal_count_ = 0;
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_PERTURBATION_HELPER_THREADS_H_
