#include "stressd/host/scenarios/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_format.h"
#include "stressd/host/die_with_parent.h"
#include "stressd/host/scenario/clock.h"

namespace stressd::host {
namespace {

// A pipe holds 64 KiB, so a write of this never blocks.
constexpr size_t kMaxReportBytes = 32 * 1024;

// Between two heartbeats.
constexpr int kWaitSliceMs = 100;

// Waits until `child` has ended or `deadline` has passed; true: it has ended.
bool AwaitEnd(pid_t child, absl::Duration deadline, absl::FunctionRef<void()> heartbeat) {
  // glibc 2.36 declares pidfd_open() without extern "C".
  const int descriptor = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  if (descriptor < 0) return false;
  const Clock& clock = Clock::Monotonic();
  const absl::Duration end = clock.Now() + deadline;
  bool ended = false;
  while (!ended && clock.Now() < end) {
    pollfd poll_descriptor{descriptor, POLLIN, 0};
    ended = poll(&poll_descriptor, 1, kWaitSliceMs) == 1;
    heartbeat();
  }
  close(descriptor);
  return ended;
}

std::string WaitStatusText(int status) {
  if (WIFEXITED(status)) {
    return absl::StrFormat("exited with code %d", WEXITSTATUS(status));
  }
  if (WIFSIGNALED(status)) {
    return absl::StrFormat("was killed by signal %d (%s)", WTERMSIG(status),
                           strsignal(WTERMSIG(status)));
  }
  return absl::StrFormat("ended with wait status %#x", status);
}

// Adds each line "oracle: message" of `report` to `out`; returns how many.
int AddReport(const std::string& report, pid_t child, ViolationList& out) {
  int line_count = 0;
  size_t start = 0;
  while (start < report.size()) {
    const size_t end = std::min(report.find('\n', start), report.size());
    const std::string line = report.substr(start, end - start);
    start = end + 1;
    const size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    out.Add(line.substr(0, colon),
            absl::StrFormat("%s [child process %d]", line.substr(colon + 2), child));
    ++line_count;
  }
  return line_count;
}

}  // namespace

absl::StatusOr<ChildChannel> ChildChannel::Make() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return absl::ResourceExhaustedError(absl::StrFormat("no pipe to a child: %s", strerror(errno)));
  }
  return ChildChannel(ends[0], ends[1]);
}

ChildChannel::~ChildChannel() {
  if (read_end_ >= 0) close(read_end_);
  if (write_end_ >= 0) close(write_end_);
}

ChildChannel::ChildChannel(ChildChannel&& other) noexcept
    : read_end_(other.read_end_), write_end_(other.write_end_) {
  other.read_end_ = -1;
  other.write_end_ = -1;
}

void ChildChannel::Exit(int code, std::string_view text) {
  const size_t length = std::min(text.size(), kMaxReportBytes);
  // A report that cannot be written is missed, the exit code is not.
  (void)!write(write_end_, text.data(), length);
  _exit(code);
}

std::string ChildChannel::ReadAll() {
  std::string report;
  char buffer[4096];
  for (;;) {
    const ssize_t length = read(read_end_, buffer, sizeof(buffer));
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return report;  // End of file, or nothing more for now.
    report.append(buffer, static_cast<size_t>(length));
  }
}

void DieWithHost(pid_t parent) {
  if (!DieWithParent(parent)) _exit(kChildError);
}

void ExitWithViolations(ChildChannel& channel, const ViolationList& found) {
  std::string report;
  for (const Violation& violation : found.violations()) {
    absl::StrAppendFormat(&report, "%s: %s\n", violation.oracle, violation.message);
  }
  channel.Exit(found.empty() ? kChildPassed : kChildViolation, report);
}

absl::Status CollectChild(pid_t child, ChildChannel& channel, absl::Duration deadline,
                          absl::FunctionRef<void()> heartbeat, ViolationList& out) {
  const bool ended = AwaitEnd(child, deadline, heartbeat);
  if (!ended) (void)kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const std::string report = channel.ReadAll();
  if (!ended) {
    out.Add("fork-child", absl::StrFormat("child process %d hung: no end within %s, killed", child,
                                          absl::FormatDuration(deadline)));
    return absl::OkStatus();
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == kChildPassed) {
    return absl::OkStatus();
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == kChildError) {
    return absl::ResourceExhaustedError(
        absl::StrFormat("child process %d could not work: %s", child, report));
  }
  const int line_count = AddReport(report, child, out);
  if (line_count == 0 || !WIFEXITED(status) || WEXITSTATUS(status) != kChildViolation) {
    out.Add("fork-child", absl::StrFormat("child process %d %s", child, WaitStatusText(status)));
  }
  return absl::OkStatus();
}

}  // namespace stressd::host
