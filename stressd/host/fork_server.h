// The fork server: forks one fresh host per request.
//
// Model.  Single-threaded, so that its children start from a clean copy in every
// flavor: a run costs a fork, not the start of a sanitizer binary. It executes
// nothing itself. Each child leads a process group of its own, dies with the
// server and speaks with the daemon on its own socket. The server also reaps
// what a scenario's children left behind (it is their subreaper).
// Thread safety.  One thread.
#ifndef STRESSD_HOST_FORK_SERVER_H_
#define STRESSD_HOST_FORK_SERVER_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "stressd/host/control_link.h"
#include "stressd/protocol/file_descriptor.h"

namespace stressd::host {

// What a child starts with; its stderr is in place already.
struct FreshHostStart {
  protocol::FileDescriptor control;
  protocol::FileDescriptor black_box;
};

class ForkServer {
 public:
  // Runs in the child; its result is the child's exit code.
  using ChildMain = std::function<int(FreshHostStart)>;

  ForkServer(ControlLink* link, ChildMain child_main)
      : link_(*link), child_main_(std::move(child_main)) {}
  ForkServer(const ForkServer&) = delete;
  ForkServer& operator=(const ForkServer&) = delete;

  // Says hello, serves until Shutdown or until the socket is closed, then kills
  // and reaps the children. Returns the process's exit code; in a child, the
  // child's, so the caller just returns it from main().
  [[nodiscard]] int Serve();

 private:
  // What the loop does next.
  enum class Next { kGoOn, kEnd, kChildEnded };

  absl::Status SetUp();
  // Takes every message that has arrived.
  Next TakeMessages();
  Next Handle(Received received);
  Next Fork(int64_t request_id, std::vector<protocol::FileDescriptor> descriptors);
  // The child's way: never returns to the loop.
  int BecomeChild(std::vector<protocol::FileDescriptor> descriptors, pid_t server);
  // Reports every child that has ended.
  absl::Status Reap();
  void KillChildren();

  ControlLink& link_;
  const ChildMain child_main_;
  protocol::FileDescriptor child_signal_;
  // Live children by pid: the request that made them.
  std::map<pid_t, int64_t> children_;
  int exit_code_ = 0;
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_FORK_SERVER_H_
