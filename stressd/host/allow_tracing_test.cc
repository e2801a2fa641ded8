#include "stressd/host/allow_tracing.h"

#include <linux/capability.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "gtest/gtest.h"

namespace stressd::host {
namespace {

// Who has CAP_SYS_PTRACE may trace anybody.
void DropCapabilities() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capset, &header, none) != 0) ::_exit(200);
}

// Traces one child from another. Returns 0 or the errno of the attempt.
int TraceSibling(bool allowed) {
  int ends[2];
  if (::pipe(ends) != 0) return errno;
  const pid_t tracee = ::fork();
  if (tracee == 0) {
    DropCapabilities();
    if (allowed) AllowTracing();
    (void)!::write(ends[1], "x", 1);
    for (;;) ::pause();
  }
  ::close(ends[1]);
  char byte = 0;
  EXPECT_EQ(::read(ends[0], &byte, 1), 1) << "the tracee is ready";
  ::close(ends[0]);
  const pid_t tracer = ::fork();
  if (tracer == 0) {
    DropCapabilities();
    ::_exit(::ptrace(PTRACE_SEIZE, tracee, nullptr, nullptr) == 0 ? 0 : errno);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(tracer, &status, 0), tracer);
  ::kill(tracee, SIGKILL);
  EXPECT_EQ(::waitpid(tracee, nullptr, 0), tracee);
  return WEXITSTATUS(status);
}

bool YamaRestricts() {
  int scope = 0;
  std::ifstream("/proc/sys/kernel/yama/ptrace_scope") >> scope;
  return scope == 1;
}

TEST(AllowTracingTest, ASiblingMayTraceWhoeverAllowsIt) {
  EXPECT_EQ(TraceSibling(true), 0);
  // Without Yama, or with it off, all of one user may trace each other.
  EXPECT_EQ(TraceSibling(false), YamaRestricts() ? EPERM : 0);
}

}  // namespace
}  // namespace stressd::host
