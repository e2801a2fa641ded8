// Frames on a unix stream socket: a length and that many bytes, with file
// descriptors beside them where wanted.
//
// Model.  A frame is `uint32 length (little endian) | length bytes`. Its
// descriptors travel by SCM_RIGHTS with its first byte; a reader never reads
// beyond the end of a frame, so what arrives belongs to the frame it arrives
// with. Received descriptors are close-on-exec.
// Invariants.  F1: 0 < length <= kMaxFrameBytes; anything else is an error of
// the partner, after which the stream cannot be understood any more.
// Thread safety.  One reader and one writer at a time per socket; they do not
// disturb each other. Both work on blocking and on non-blocking sockets.
#ifndef STRESSD_PROTOCOL_FRAME_H_
#define STRESSD_PROTOCOL_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "stressd/protocol/file_descriptor.h"

namespace stressd::protocol {

// Far above any result, far below what would hurt the daemon.
inline constexpr size_t kMaxFrameBytes = size_t{16} << 20;
// ForkFresh carries three.
inline constexpr size_t kMaxFrameDescriptors = 8;
inline constexpr size_t kFrameHeaderBytes = 4;

struct Frame {
  std::string payload;
  std::vector<FileDescriptor> descriptors;
};

// Writes one frame. The descriptors stay the caller's. Blocks at most for
// `timeout` in all. Returns InvalidArgument (nothing was written) for a wrong
// size; Unavailable when the partner has closed; DeadlineExceeded and Internal
// otherwise. After any of the last three the stream must be closed.
absl::Status WriteFrame(int fd, absl::string_view payload, absl::Span<const int> descriptors = {},
                        absl::Duration timeout = absl::InfiniteDuration());

// Reads frames from a socket it does not own.
class FrameReader {
 public:
  explicit FrameReader(int fd) : fd_(fd) {}

  // Takes what has arrived and never blocks. Returns a frame, or nothing while
  // it is incomplete. Returns OutOfRange when the partner has closed between
  // two frames, DataLoss when it closed inside one, InvalidArgument for a wrong
  // length or too many descriptors, Internal for errors of the socket. The
  // same error is returned again from then on.
  absl::StatusOr<std::optional<Frame>> Poll();

  // As Poll(), but waits up to `timeout` for the frame to be complete. Returns
  // DeadlineExceeded when it is not; the next call goes on where this stopped.
  absl::StatusOr<Frame> Read(absl::Duration timeout = absl::InfiniteDuration());

 private:
  // Receives into [data, data + bytes). Returns the number of bytes, 0 when
  // there are none now. Collects descriptors into frame_.
  absl::StatusOr<size_t> Receive(char* data, size_t bytes);
  // Moves on by what can be received; true when frame_ is complete.
  absl::StatusOr<bool> Advance();
  absl::Status ClosedByPartner() const;

  const int fd_;
  size_t header_received_bytes_ = 0;
  size_t payload_received_bytes_ = 0;
  unsigned char header_[kFrameHeaderBytes] = {};
  Frame frame_;
  absl::Status error_;
};

}  // namespace stressd::protocol

#endif  // STRESSD_PROTOCOL_FRAME_H_
