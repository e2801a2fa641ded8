#include "stressd/daemon/supervisor/child_process.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/status/status.h"
#include "absl/time/clock.h"

namespace stressd::supervisor {
namespace {

// waitpid() that goes on after signals.
pid_t Reap(pid_t pid, int* status, int flags) {
  pid_t result = 0;
  do {
    result = waitpid(pid, status, flags);
  } while (result < 0 && errno == EINTR);
  return result;
}

}  // namespace

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      pidfd_(std::move(other.pidfd_)),
      wait_status_(std::exchange(other.wait_status_, std::nullopt)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this == &other) return *this;
  if (pid_ != 0) KillAndReap();
  pid_ = std::exchange(other.pid_, 0);
  pidfd_ = std::move(other.pidfd_);
  wait_status_ = std::exchange(other.wait_status_, std::nullopt);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (pid_ != 0) KillAndReap();
}

absl::StatusOr<ChildProcess> ChildProcess::Adopt(pid_t pid) {
  ChildProcess child;
  child.pid_ = pid;
  child.pidfd_ = protocol::FileDescriptor(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!child.pidfd_.valid()) return absl::ErrnoToStatus(errno, "pidfd_open");
  return child;
}

std::optional<int> ChildProcess::Wait(absl::Duration timeout) {
  if (wait_status_.has_value()) return wait_status_;
  const absl::Time deadline = absl::Now() + std::max(timeout, absl::ZeroDuration());
  while (true) {
    const int64_t left_ms =
        std::clamp<int64_t>(absl::ToInt64Milliseconds(deadline - absl::Now()), 0, 60'000);
    pollfd entry = {pidfd_.get(), POLLIN, 0};
    const int ready = poll(&entry, 1, static_cast<int>(left_ms));
    if (ready > 0) break;
    if (absl::Now() >= deadline) return std::nullopt;
  }
  int status = 0;
  if (Reap(pid_, &status, 0) == pid_) wait_status_ = status;
  return wait_status_;
}

int ChildProcess::KillAndReap() {
  if (!wait_status_.has_value()) {
    // The pid is ours until it is reaped: C1. Its group may not exist yet.
    kill(pid_, SIGKILL);
    kill(-pid_, SIGKILL);
    int status = 0;
    if (Reap(pid_, &status, 0) == pid_) wait_status_ = status;
  }
  KillAndReapGroup(pid_);
  pid_ = 0;
  pidfd_.Reset();
  return wait_status_.value_or(0);
}

bool KillAndReapGroup(pid_t group) {
  const absl::Time deadline = absl::Now() + absl::Seconds(2);
  while (true) {
    // The number is not reused while the group has a member; were it empty and
    // the number reused within this instant, the new group would be the next
    // child of ours, which is started only by callers of this.
    const bool gone = kill(-group, SIGKILL) != 0 && errno == ESRCH;
    int status = 0;
    pid_t reaped = 0;
    while ((reaped = Reap(-group, &status, WNOHANG)) > 0) {
    }
    if (gone || (reaped < 0 && errno == ECHILD)) return true;
    if (absl::Now() >= deadline) return false;
    // Killed ones are dying now; there is no descriptor that tells when.
    poll(nullptr, 0, 1);
  }
}

}  // namespace stressd::supervisor
