// The host's end of the control socket.
//
// Thread safety.  Send(): any thread, one message at a time by mutex_, a leaf.
// Receive(): one thread. Interrupt(): any thread.
// Fork.  Children do not use it: they would speak in their parent's name.
#ifndef STRESSD_HOST_CONTROL_LINK_H_
#define STRESSD_HOST_CONTROL_LINK_H_

#include <mutex>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stressd/protocol/file_descriptor.h"
#include "stressd/protocol/frame.h"
#include "stressd/protocol/message.h"

namespace stressd::host {

struct Received {
  protocol::ToHost message;
  std::vector<protocol::FileDescriptor> descriptors;
};

class ControlLink {
 public:
  explicit ControlLink(protocol::FileDescriptor fd) : fd_(std::move(fd)), reader_(fd_.get()) {}
  ControlLink(const ControlLink&) = delete;
  ControlLink& operator=(const ControlLink&) = delete;

  // Says who we are.
  absl::Status SendHello();

  absl::Status Send(const protocol::ToDaemon& message);

  // Blocks for the next message. Returns OutOfRange when the daemon has closed
  // the socket or Interrupt() was called, InvalidArgument or DataLoss when what
  // came is no message.
  absl::StatusOr<Received> Receive();

  // Takes the next message if it has arrived as a whole; otherwise as Receive(),
  // with Unavailable for none.
  absl::StatusOr<Received> Poll();

  // Makes the other thread's Receive() return.
  void Interrupt();

  int fd() const { return fd_.get(); }

  // Closes the socket, in a child that is not its partner any more.
  void Close() { fd_.Reset(); }

 private:
  protocol::FileDescriptor fd_;
  protocol::FrameReader reader_;
  std::mutex mutex_;  // Guards writing to fd_.
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_CONTROL_LINK_H_
