#include "stressd/daemon/supervisor/host_channel.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "stressd/protocol/message.h"
#include "stressd/protocol/protocol_version.h"

namespace stressd::supervisor {
namespace {

absl::Status Exhausted(absl::string_view what, const absl::Status& cause) {
  return absl::ResourceExhaustedError(
      absl::StrCat("cannot make ", what, " for a host: ", cause.ToString()));
}

}  // namespace

absl::StatusOr<HostChannel> HostChannel::Create() {
  HostChannel channel;
  std::array<int, 2> ends = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return Exhausted("a control socket", absl::ErrnoToStatus(errno, "socketpair"));
  }
  channel.control.Reset(ends[0]);
  channel.peer_control.Reset(ends[1]);
  channel.reader = std::make_unique<protocol::FrameReader>(channel.control.get());
  absl::StatusOr<protocol::FileDescriptor> memory = protocol::CreateBlackBoxMemory();
  if (!memory.ok()) return Exhausted("a black box", memory.status());
  channel.peer_black_box = *std::move(memory);
  absl::StatusOr<protocol::BlackBoxMapping> mapping =
      protocol::BlackBoxMapping::Map(channel.peer_black_box.get());
  if (!mapping.ok()) return Exhausted("a black box", mapping.status());
  channel.black_box = std::make_shared<protocol::BlackBoxMapping>(*std::move(mapping));
  absl::StatusOr<StderrCapture> errors = StderrCapture::Create();
  if (!errors.ok()) return Exhausted("a capture of stderr", errors.status());
  channel.errors = *std::move(errors);
  return channel;
}

void HostChannel::DropPeerEnds() {
  peer_control.Reset();
  peer_black_box.Reset();
}

absl::StatusOr<protocol::ToDaemon> ReadMessage(HostChannel& channel, absl::Duration timeout) {
  absl::StatusOr<protocol::Frame> frame = channel.reader->Read(timeout);
  if (!frame.ok()) return frame.status();
  return protocol::ParseToDaemon(frame->payload);
}

absl::StatusOr<protocol::Hello> AwaitHello(HostChannel& channel, absl::string_view flavor,
                                           absl::string_view build_id, absl::Duration timeout) {
  absl::StatusOr<protocol::ToDaemon> message = ReadMessage(channel, timeout);
  if (!message.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the ", flavor, " host said no hello: ", message.status().ToString()));
  }
  if (!message->has_hello()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the ", flavor, " host's first message is no hello"));
  }
  const protocol::Hello& hello = message->hello();
  if (hello.protocol_version() != protocol::kProtocolVersion) {
    return absl::FailedPreconditionError(absl::StrCat("the ", flavor, " host speaks protocol ",
                                                      hello.protocol_version(), ", the daemon ",
                                                      protocol::kProtocolVersion));
  }
  if (absl::string_view(hello.flavor()) != flavor) {
    return absl::FailedPreconditionError(
        absl::StrCat("the ", flavor, " host says it is \"", hello.flavor(), "\""));
  }
  if (hello.build_id().empty() ||
      (!build_id.empty() && absl::string_view(hello.build_id()) != build_id)) {
    return absl::FailedPreconditionError(absl::StrCat("the ", flavor, " host has build id \"",
                                                      hello.build_id(), "\", the daemon knows \"",
                                                      build_id, "\": restart the daemon"));
  }
  return hello;
}

}  // namespace stressd::supervisor
