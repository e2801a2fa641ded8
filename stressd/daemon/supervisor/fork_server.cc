#include "stressd/daemon/supervisor/fork_server.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "stressd/protocol/message.h"

namespace stressd::supervisor {
namespace {

constexpr absl::Duration kSendTimeout = absl::Seconds(5);
// A killed child of a living server: the server reaps and tells at once.
constexpr absl::Duration kKillTimeout = absl::Seconds(10);

std::chrono::nanoseconds ToChrono(absl::Duration duration) {
  // A day: wait_for() overflows with more.
  return std::chrono::nanoseconds(absl::ToInt64Nanoseconds(std::min(duration, absl::Hours(24))));
}

}  // namespace

// A child of the fork server.
class FreshHost final : public HostProcess {
 public:
  FreshHost(std::shared_ptr<ForkServer> server, int64_t request_id, pid_t pid, HostChannel channel)
      : server_(std::move(server)),
        request_id_(request_id),
        pid_(pid),
        channel_(std::move(channel)) {}

  ~FreshHost() override {
    Kill();
    server_->Forget(request_id_);
  }

  pid_t pid() const override { return pid_; }
  HostChannel& channel() override { return channel_; }

  std::optional<HostExit> AwaitExit(absl::Duration timeout) override {
    if (!exit_.has_value()) exit_ = server_->AwaitChildExit(request_id_, timeout);
    return exit_;
  }

  HostExit Kill() override {
    if (killed_) return *exit_;
    killed_ = true;
    if (!AwaitExit(absl::ZeroDuration()).has_value()) {
      // Not reaped yet as far as we know, so the number is still its own.
      kill(pid_, SIGKILL);
      kill(-pid_, SIGKILL);
      if (!AwaitExit(kKillTimeout).has_value()) exit_ = HostExit{true, 0};
    }
    // A lost one is our own child now; so is what a dead one had forked.
    if (exit_->lost) {
      kill(pid_, SIGKILL);
      int status = 0;
      while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
      }
    }
    KillAndReapGroup(pid_);
    return *exit_;
  }

 private:
  const std::shared_ptr<ForkServer> server_;
  const int64_t request_id_;
  const pid_t pid_;
  HostChannel channel_;
  std::optional<HostExit> exit_;
  bool killed_ = false;
};

absl::StatusOr<std::shared_ptr<ForkServer>> ForkServer::Start(ProcessSpawner& spawner,
                                                              const HostBinary& binary,
                                                              absl::string_view build_id,
                                                              absl::Duration timeout) {
  absl::StatusOr<std::unique_ptr<SpawnedHost>> host =
      SpawnedHost::Start(spawner, binary, HostMode::kForkServer, build_id, timeout);
  if (!host.ok()) return host.status();
  std::shared_ptr<ForkServer> server(new ForkServer(*std::move(host), binary.flavor));
  server->reader_ = std::thread([raw = server.get()] { raw->ReadLoop(); });
  return server;
}

ForkServer::ForkServer(std::unique_ptr<SpawnedHost> host, std::string flavor)
    : host_(std::move(host)), flavor_(std::move(flavor)), pid_(host_->pid()) {}

ForkServer::~ForkServer() { Stop(absl::ZeroDuration()); }

bool ForkServer::alive() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return !gone_;
}

void ForkServer::ReadLoop() {
  while (true) {
    const absl::StatusOr<protocol::ToDaemon> message =
        ReadMessage(host_->channel(), absl::InfiniteDuration());
    // Closed, or it talks nonsense: it is of no use any more either way.
    if (!message.ok()) break;
    Handle(*message);
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    gone_ = true;
  }
  changed_.notify_all();
}

void ForkServer::Handle(const protocol::ToDaemon& message) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (message.has_forked()) {
      const auto it = children_.find(message.forked().request_id());
      if (it == children_.end()) return;
      it->second.answered = true;
      it->second.pid = static_cast<pid_t>(message.forked().pid());
      it->second.error = message.forked().error();
    } else if (message.has_child_exited()) {
      const auto it = children_.find(message.child_exited().request_id());
      if (it == children_.end()) return;
      it->second.wait_status = message.child_exited().wait_status();
    } else if (message.has_scenarios()) {
      scenarios_ = message.scenarios();
    }
  }
  changed_.notify_all();
}

absl::Status ForkServer::Send(const protocol::ToHost& message, absl::Span<const int> descriptors) {
  const std::lock_guard<std::mutex> lock(send_mutex_);
  return protocol::SendToHost(host_->channel().control.get(), message, descriptors, kSendTimeout);
}

ForkServer::Child ForkServer::AwaitAnswer(int64_t request_id, absl::Duration timeout) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, ToChrono(timeout),
                    [&] { return gone_ || children_[request_id].answered; });
  Child& child = children_[request_id];
  if (!child.answered) {
    child.error = gone_ ? "the fork server has ended" : "the fork server does not answer";
  }
  return child;
}

std::optional<HostExit> ForkServer::AwaitChildExit(int64_t request_id, absl::Duration timeout) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, ToChrono(timeout),
                    [&] { return gone_ || children_[request_id].wait_status.has_value(); });
  const Child& child = children_[request_id];
  if (child.wait_status.has_value()) return HostExit{false, *child.wait_status};
  if (gone_) return HostExit{true, 0};
  return std::nullopt;
}

void ForkServer::Forget(int64_t request_id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  children_.erase(request_id);
}

absl::StatusOr<std::unique_ptr<HostProcess>> ForkServer::Fork(absl::Duration timeout) {
  absl::StatusOr<HostChannel> channel = HostChannel::Create();
  if (!channel.ok()) return channel.status();
  int64_t request_id = 0;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    request_id = next_request_id_++;
    children_[request_id] = Child{};
  }
  protocol::ToHost message;
  message.mutable_fork_fresh()->set_request_id(request_id);
  const std::array<int, 3> descriptors = {channel->peer_control.get(),
                                          channel->peer_black_box.get(), channel->errors.fd()};
  const absl::Status sent = Send(message, descriptors);
  Child child;
  if (sent.ok()) {
    child = AwaitAnswer(request_id, timeout);
  } else {
    child.error = sent.ToString();
  }
  if (child.pid <= 0) {
    Forget(request_id);
    return absl::UnavailableError(absl::StrCat(
        "no fresh ", flavor_,
        " host: ", child.error.empty() ? "the fork server gave no process" : child.error));
  }
  channel->DropPeerEnds();
  auto host =
      std::make_unique<FreshHost>(shared_from_this(), request_id, child.pid, *std::move(channel));
  const absl::StatusOr<protocol::Hello> hello =
      AwaitHello(host->channel(), flavor_, build_id(), timeout);
  if (!hello.ok()) {
    host->Kill();
    return absl::UnavailableError(absl::StrCat(std::string(hello.status().message()),
                                               "; it said: ", host->channel().errors.Text(2000)));
  }
  return host;
}

absl::StatusOr<protocol::ScenarioList> ForkServer::Describe(absl::Duration timeout) {
  protocol::ToHost message;
  message.mutable_describe();
  const absl::Status sent = Send(message, {});
  if (!sent.ok()) return sent;
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, ToChrono(timeout), [&] { return gone_ || scenarios_.has_value(); });
  if (scenarios_.has_value()) return *scenarios_;
  return absl::UnavailableError(
      absl::StrCat("the ", flavor_, " fork server does not describe its scenarios"));
}

void ForkServer::Stop(absl::Duration grace) {
  if (!reader_.joinable()) return;
  if (grace > absl::ZeroDuration()) {
    protocol::ToHost message;
    message.mutable_shutdown();
    if (Send(message, {}).ok()) (void)host_->AwaitExit(grace);
  }
  host_->Kill();
  // Wakes the reader even if a stray copy of the other end were open.
  shutdown(host_->channel().control.get(), SHUT_RDWR);
  reader_.join();
}

}  // namespace stressd::supervisor
