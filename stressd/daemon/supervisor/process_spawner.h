// Starts child processes from one thread that lives as long as they do.
//
// Model.  A host asks the kernel to be killed when its parent dies
// (PR_SET_PDEATHSIG), and the kernel means the parent *thread*. So every child
// is started by the spawner's own thread; callers wait for it.
// Invariants.  S1: a child has descriptors 0, 1, 2 and those given to it,
// nothing else of ours.  S2: a child leads its own process group, so that
// killing the group takes what it forked along.
// Thread safety.  Any thread.
#ifndef STRESSD_DAEMON_SUPERVISOR_PROCESS_SPAWNER_H_
#define STRESSD_DAEMON_SUPERVISOR_PROCESS_SPAWNER_H_

#include <sys/types.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "stressd/daemon/supervisor/child_process.h"

namespace stressd::supervisor {

struct SpawnRequest {
  std::vector<std::string> arguments;  // The first is the program's path.
  int output_fd = -1;                  // Becomes its descriptors 1 and 2.
  std::vector<int> fds;                // Become 3, 4, ... in this order.
};

class ProcessSpawner {
 public:
  ProcessSpawner();
  // The children must have been reaped.
  ~ProcessSpawner();

  ProcessSpawner(const ProcessSpawner&) = delete;
  ProcessSpawner& operator=(const ProcessSpawner&) = delete;

  // UnavailableError, naming the program, if it cannot be started.
  absl::StatusOr<ChildProcess> Spawn(const SpawnRequest& request);

 private:
  struct Order {
    const SpawnRequest* request = nullptr;
    int error = 0;
    pid_t pid = 0;
    bool done = false;
  };

  void Loop();

  std::mutex mutex_;  // Leaf. Guards the rest.
  std::condition_variable changed_;
  std::deque<Order*> orders_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace stressd::supervisor

#endif  // STRESSD_DAEMON_SUPERVISOR_PROCESS_SPAWNER_H_
