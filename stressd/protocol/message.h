// Messages of host.proto as frames.
//
// Thread safety.  As frame.h.
#ifndef STRESSD_PROTOCOL_MESSAGE_H_
#define STRESSD_PROTOCOL_MESSAGE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "stressd/protocol/host.pb.h"

namespace stressd::protocol {

// Writes `message` as one frame; see WriteFrame().
absl::Status SendToHost(int fd, const ToHost& message, absl::Span<const int> descriptors = {},
                        absl::Duration timeout = absl::InfiniteDuration());
absl::Status SendToDaemon(int fd, const ToDaemon& message,
                          absl::Duration timeout = absl::InfiniteDuration());

// Parses a frame's payload. Returns InvalidArgument for bytes that are no such
// message and for a message without content (one from a newer partner, too).
absl::StatusOr<ToHost> ParseToHost(absl::string_view payload);
absl::StatusOr<ToDaemon> ParseToDaemon(absl::string_view payload);

}  // namespace stressd::protocol

#endif  // STRESSD_PROTOCOL_MESSAGE_H_
