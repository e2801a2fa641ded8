#include "stressd/host/control_link.h"

#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "stressd/host/flavor.h"
#include "stressd/protocol/protocol_version.h"

namespace stressd::host {
namespace {

absl::StatusOr<Received> Parse(protocol::Frame frame) {
  absl::StatusOr<protocol::ToHost> message = protocol::ParseToHost(frame.payload);
  if (!message.ok()) return message.status();
  return Received{*std::move(message), std::move(frame.descriptors)};
}

}  // namespace

absl::Status ControlLink::SendHello() {
  protocol::ToDaemon message;
  protocol::Hello* hello = message.mutable_hello();
  hello->set_protocol_version(protocol::kProtocolVersion);
  hello->set_flavor(std::string(FlavorName()));
  hello->set_build_id(FlavorBuildId());
  hello->set_pid(::getpid());
  return Send(message);
}

absl::Status ControlLink::Send(const protocol::ToDaemon& message) {
  std::lock_guard<std::mutex> lock(mutex_);
  return protocol::SendToDaemon(fd_.get(), message);
}

absl::StatusOr<Received> ControlLink::Receive() {
  absl::StatusOr<protocol::Frame> frame = reader_.Read();
  if (!frame.ok()) return frame.status();
  return Parse(*std::move(frame));
}

absl::StatusOr<Received> ControlLink::Poll() {
  absl::StatusOr<std::optional<protocol::Frame>> frame = reader_.Poll();
  if (!frame.ok()) return frame.status();
  if (!frame->has_value()) return absl::UnavailableError("no message yet");
  return Parse(*std::move(*frame));
}

void ControlLink::Interrupt() {
  // A socket that is gone already needs no interruption.
  (void)::shutdown(fd_.get(), SHUT_RD);
}

}  // namespace stressd::host
