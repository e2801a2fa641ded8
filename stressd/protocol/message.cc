#include "stressd/protocol/message.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "stressd/protocol/frame.h"

namespace stressd::protocol {
namespace {

absl::Status Send(int fd, const google::protobuf::MessageLite& message,
                  absl::Span<const int> descriptors, absl::Duration timeout) {
  std::string payload;
  if (!message.SerializeToString(&payload)) {
    return absl::InvalidArgumentError("the message cannot be serialized");
  }
  return WriteFrame(fd, payload, descriptors, timeout);
}

template <typename Message>
absl::StatusOr<Message> Parse(absl::string_view payload) {
  Message message;
  if (!message.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return absl::InvalidArgumentError(
        absl::StrCat("a frame of ", payload.size(), " bytes is no message"));
  }
  if (message.content_case() == Message::CONTENT_NOT_SET) {
    return absl::InvalidArgumentError("a message without content, or of a kind unknown here");
  }
  return message;
}

}  // namespace

absl::Status SendToHost(int fd, const ToHost& message, absl::Span<const int> descriptors,
                        absl::Duration timeout) {
  return Send(fd, message, descriptors, timeout);
}

absl::Status SendToDaemon(int fd, const ToDaemon& message, absl::Duration timeout) {
  return Send(fd, message, {}, timeout);
}

absl::StatusOr<ToHost> ParseToHost(absl::string_view payload) { return Parse<ToHost>(payload); }

absl::StatusOr<ToDaemon> ParseToDaemon(absl::string_view payload) {
  return Parse<ToDaemon>(payload);
}

}  // namespace stressd::protocol
