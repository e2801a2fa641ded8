// A daemon's side of the host protocol for tests: starts real hosts and talks
// with them.
#ifndef STRESSD_HOST_HOST_CLIENT_H_
#define STRESSD_HOST_HOST_CLIENT_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stressd/protocol/black_box.h"
#include "stressd/protocol/file_descriptor.h"
#include "stressd/protocol/frame.h"
#include "stressd/protocol/message.h"

namespace stressd::host {

// One conversation with a host: its socket, black box and stderr.
class HostClient {
 public:
  // Makes the daemon's and the host's ends.
  HostClient();
  HostClient(const HostClient&) = delete;
  HostClient& operator=(const HostClient&) = delete;
  // Kills and reaps what was spawned and still lives.
  ~HostClient();

  // Starts the host of `flavor` in `mode`, "resident" or "forkserver". `extra`
  // flags come last. Returns the pid.
  pid_t Spawn(const std::string& flavor, const std::string& mode,
              const std::vector<std::string>& extra = {});
  // Asks `server` to fork a fresh host that talks with this client. Returns its
  // pid, 0 when it refused.
  pid_t ForkBy(HostClient& server, int64_t request_id);

  void Send(const protocol::ToHost& message);
  void SendRaw(const std::string& bytes);
  // The next message but RunProgress, within a minute.
  absl::StatusOr<protocol::ToDaemon> Next();
  // The next message of any kind.
  absl::StatusOr<protocol::ToDaemon> NextOfAny();
  // Asks for a run.
  void StartRun(int64_t run_id, const std::string& scenario);
  // Closes the daemon's end.
  void Hang() { socket_.Reset(); }

  // Waits for the spawned process to end. Returns its wait status.
  int Wait();

  protocol::BlackBoxView view() const { return protocol::BlackBoxView(box_.memory()); }
  // What the host wrote to stderr so far.
  std::string Stderr() const;

 private:
  protocol::FileDescriptor socket_;
  protocol::FileDescriptor host_socket_;
  protocol::FileDescriptor box_fd_;
  protocol::FileDescriptor stderr_;
  protocol::BlackBoxMapping box_;
  std::unique_ptr<protocol::FrameReader> reader_;
  pid_t pid_ = 0;
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_HOST_CLIENT_H_
