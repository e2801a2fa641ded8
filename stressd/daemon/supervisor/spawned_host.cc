#include "stressd/daemon/supervisor/spawned_host.h"

#include <unistd.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "stressd/protocol/message.h"

namespace stressd::supervisor {
namespace {

// Of a host's stderr in a status: the reason, not the report.
constexpr size_t kReasonBytesMax = 2000;
// A message is small and the host reads: longer means it does not.
constexpr absl::Duration kSendTimeout = absl::Seconds(5);

}  // namespace

absl::StatusOr<std::unique_ptr<SpawnedHost>> SpawnedHost::Start(ProcessSpawner& spawner,
                                                                const HostBinary& binary,
                                                                HostMode mode,
                                                                absl::string_view build_id,
                                                                absl::Duration timeout) {
  absl::StatusOr<HostChannel> channel = HostChannel::Create();
  if (!channel.ok()) return channel.status();
  SpawnRequest request;
  request.arguments = {binary.path, "--control-fd=3", absl::StrCat("--parent-pid=", getpid())};
  request.fds = {channel->peer_control.get()};
  request.output_fd = channel->errors.fd();
  if (mode == HostMode::kResident) {
    request.arguments.push_back("--black-box-fd=4");
    request.arguments.push_back("--mode=resident");
    request.fds.push_back(channel->peer_black_box.get());
  } else {
    request.arguments.push_back("--mode=forkserver");
  }
  request.arguments.insert(request.arguments.end(), binary.extra_arguments.begin(),
                           binary.extra_arguments.end());
  absl::StatusOr<ChildProcess> child = spawner.Spawn(request);
  if (!child.ok()) return child.status();
  channel->DropPeerEnds();
  std::unique_ptr<SpawnedHost> host(new SpawnedHost(*std::move(channel), *std::move(child)));
  absl::StatusOr<protocol::Hello> hello =
      AwaitHello(host->channel_, binary.flavor, build_id, timeout);
  if (hello.ok()) {
    host->build_id_ = hello->build_id();
    return host;
  }
  host->Kill();
  const std::string words = host->channel_.errors.Text(kReasonBytesMax);
  return absl::UnavailableError(absl::StrCat(std::string(hello.status().message()),
                                             words.empty() ? "" : "; it said: ", words));
}

SpawnedHost::~SpawnedHost() { Kill(); }

std::optional<HostExit> SpawnedHost::AwaitExit(absl::Duration timeout) {
  if (exit_.has_value()) return exit_;
  const std::optional<int> status = child_.Wait(timeout);
  if (!status.has_value()) return std::nullopt;
  exit_ = HostExit{false, *status};
  return exit_;
}

HostExit SpawnedHost::Kill() {
  if (child_.pid() != 0) {
    const int status = child_.KillAndReap();
    if (!exit_.has_value()) exit_ = HostExit{false, status};
  }
  return exit_.value_or(HostExit{true, 0});
}

HostExit SpawnedHost::Stop(absl::Duration grace) {
  if (!exit_.has_value()) {
    protocol::ToHost message;
    message.mutable_shutdown();
    // Where it cannot be told it is killed after the grace.
    protocol::SendToHost(channel_.control.get(), message, {}, kSendTimeout).IgnoreError();
    (void)AwaitExit(grace);
  }
  return Kill();
}

}  // namespace stressd::supervisor
