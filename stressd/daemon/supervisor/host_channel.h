// What the daemon holds of one host besides the process: its control socket,
// its black box, its stderr.
//
// Model.  Made before the host; the host's ends are handed over and dropped.
// All of it outlives the host, so its last words can be read.
// Thread safety.  One thread at a time, but for black_box, which any thread
// reads and which samplers keep mapped.
#ifndef STRESSD_DAEMON_SUPERVISOR_HOST_CHANNEL_H_
#define STRESSD_DAEMON_SUPERVISOR_HOST_CHANNEL_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "stressd/daemon/supervisor/stderr_capture.h"
#include "stressd/protocol/black_box.h"
#include "stressd/protocol/file_descriptor.h"
#include "stressd/protocol/frame.h"
#include "stressd/protocol/host.pb.h"

namespace stressd::supervisor {

struct HostChannel {
  protocol::FileDescriptor control;       // Ours.
  protocol::FileDescriptor peer_control;  // The host's, until handed over.
  protocol::FileDescriptor peer_black_box;
  std::unique_ptr<protocol::FrameReader> reader;  // Of `control`.
  std::shared_ptr<protocol::BlackBoxMapping> black_box;
  StderrCapture errors;

  // ResourceExhaustedError when descriptors or memory have run out.
  static absl::StatusOr<HostChannel> Create();

  // The host has its ends now (or never will).
  void DropPeerEnds();

  protocol::BlackBoxView view() const { return protocol::BlackBoxView(black_box->memory()); }
};

// Reads the next message. The errors of FrameReader::Read() and ParseToDaemon().
absl::StatusOr<protocol::ToDaemon> ReadMessage(HostChannel& channel, absl::Duration timeout);

// Waits for the Hello and checks it: the protocol's version, `flavor`, and
// `build_id` unless that is empty. FailedPreconditionError says what differs.
absl::StatusOr<protocol::Hello> AwaitHello(HostChannel& channel, absl::string_view flavor,
                                           absl::string_view build_id, absl::Duration timeout);

}  // namespace stressd::supervisor

#endif  // STRESSD_DAEMON_SUPERVISOR_HOST_CHANNEL_H_
