#include "stressd/host/fork_server.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "stressd/host/die_with_parent.h"
#include "stressd/host/scenario_message.h"
#include "stressd/protocol/exit_code.h"

namespace stressd::host {
namespace {

// Of ForkFresh: control socket, black box, stderr.
constexpr size_t kForkDescriptorCount = 3;

void Complain(const absl::Status& status) {
  std::fprintf(stderr, "stressd: fork server: %s\n", status.ToString().c_str());
}

sigset_t ChildSignalSet() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  return set;
}

}  // namespace

absl::Status ForkServer::SetUp() {
  const sigset_t set = ChildSignalSet();
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) {
    return absl::InternalError("sigprocmask failed");
  }
  child_signal_.Reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!child_signal_.valid()) return absl::InternalError("signalfd failed");
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
    return absl::InternalError("PR_SET_CHILD_SUBREAPER failed");
  }
  return link_.SendHello();
}

int ForkServer::Serve() {
  if (absl::Status ready = SetUp(); !ready.ok()) {
    Complain(ready);
    return protocol::kExitSetUp;
  }
  for (;;) {
    pollfd entries[2] = {{link_.fd(), POLLIN, 0}, {child_signal_.get(), POLLIN, 0}};
    if (::poll(entries, 2, -1) < 0 && errno != EINTR) {
      Complain(absl::InternalError("poll failed"));
      exit_code_ = protocol::kExitSetUp;
      break;
    }
    if (!Reap().ok()) break;  // Nobody listens any more.
    if (entries[0].revents == 0) continue;
    const Next next = TakeMessages();
    if (next == Next::kChildEnded) return exit_code_;
    if (next == Next::kEnd) break;
  }
  KillChildren();
  return exit_code_;
}

ForkServer::Next ForkServer::TakeMessages() {
  for (;;) {
    absl::StatusOr<Received> received = link_.Poll();
    if (absl::IsUnavailable(received.status())) return Next::kGoOn;
    if (absl::IsOutOfRange(received.status())) return Next::kEnd;
    if (!received.ok()) {
      Complain(received.status());
      exit_code_ = protocol::kExitProtocol;
      return Next::kEnd;
    }
    const Next next = Handle(*std::move(received));
    if (next != Next::kGoOn) return next;
  }
}

ForkServer::Next ForkServer::Handle(Received received) {
  const protocol::ToHost& message = received.message;
  if (message.has_shutdown()) return Next::kEnd;
  if (message.has_fork_fresh()) {
    if (received.descriptors.size() == kForkDescriptorCount) {
      return Fork(message.fork_fresh().request_id(), std::move(received.descriptors));
    }
    Complain(absl::InvalidArgumentError("ForkFresh needs three descriptors"));
    exit_code_ = protocol::kExitProtocol;
    return Next::kEnd;
  }
  if (message.has_describe()) {
    protocol::ToDaemon answer;
    *answer.mutable_scenarios() = DescribeScenarios();
    return link_.Send(answer).ok() ? Next::kGoOn : Next::kEnd;
  }
  Complain(absl::InvalidArgumentError("a fork server serves no such request"));
  exit_code_ = protocol::kExitProtocol;
  return Next::kEnd;
}

ForkServer::Next ForkServer::Fork(int64_t request_id,
                                  std::vector<protocol::FileDescriptor> descriptors) {
  const pid_t server = ::getpid();
  // Nothing buffered may be written twice.
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    exit_code_ = BecomeChild(std::move(descriptors), server);
    return Next::kChildEnded;
  }
  protocol::ToDaemon answer;
  protocol::Forked* forked = answer.mutable_forked();
  forked->set_request_id(request_id);
  if (pid > 0) {
    // As the child does: whoever comes first.
    (void)::setpgid(pid, pid);
    children_[pid] = request_id;
    forked->set_pid(pid);
  } else {
    forked->set_error(std::string("fork: ") + std::strerror(errno));
  }
  return link_.Send(answer).ok() ? Next::kGoOn : Next::kEnd;
}

int ForkServer::BecomeChild(std::vector<protocol::FileDescriptor> descriptors, pid_t server) {
  (void)::setpgid(0, 0);
  if (!DieWithParent(server)) ::_exit(protocol::kExitSetUp);
  FreshHostStart start;
  start.control = std::move(descriptors[0]);
  start.black_box = std::move(descriptors[1]);
  if (::dup2(descriptors[2].get(), STDERR_FILENO) < 0) {
    ::_exit(protocol::kExitSetUp);
  }
  descriptors.clear();
  // The server's own descriptors: the daemon must see its end of them closed
  // when the server is gone.
  child_signal_.Reset();
  link_.Close();
  children_.clear();
  const sigset_t set = ChildSignalSet();
  (void)::sigprocmask(SIG_UNBLOCK, &set, nullptr);
  return child_main_(std::move(start));
}

absl::Status ForkServer::Reap() {
  signalfd_siginfo ignored;
  while (::read(child_signal_.get(), &ignored, sizeof(ignored)) > 0) {
  }
  for (;;) {
    siginfo_t info = {};
    // Looks first: the pid, and with it the group's, is taken until the second
    // call, so that nobody else can be hit.
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) {
      return absl::OkStatus();
    }
    const pid_t pid = info.si_pid;
    const auto child = children_.find(pid);
    // What the run forked and left behind goes with it.
    if (child != children_.end()) (void)::kill(-pid, SIGKILL);
    int status = 0;
    (void)::waitpid(pid, &status, 0);
    if (child == children_.end()) continue;
    protocol::ToDaemon message;
    protocol::ChildExited* exited = message.mutable_child_exited();
    exited->set_request_id(child->second);
    exited->set_pid(pid);
    exited->set_wait_status(status);
    children_.erase(child);
    if (absl::Status sent = link_.Send(message); !sent.ok()) return sent;
  }
}

void ForkServer::KillChildren() {
  for (const auto& [pid, request_id] : children_) {
    (void)::kill(-pid, SIGKILL);
    // A child that is not yet the leader of its group.
    (void)::kill(pid, SIGKILL);
  }
  while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
  }
}

}  // namespace stressd::host
