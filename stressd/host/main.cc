// The runtime host: executes scenarios against the runtime core, for the daemon
// (resident, or forking a fresh host per run) or from the shell.
#include <signal.h>

#include <cstdio>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "stressd/host/allow_tracing.h"
#include "stressd/host/control_link.h"
#include "stressd/host/dead_thread_stacks.h"
#include "stressd/host/die_with_parent.h"
#include "stressd/host/flags.h"
#include "stressd/host/fork_server.h"
#include "stressd/host/host_process.h"
#include "stressd/host/host_session.h"
#include "stressd/host/standalone.h"
#include "stressd/protocol/black_box_memory.h"
#include "stressd/protocol/exit_code.h"
#include "stressd/protocol/file_descriptor.h"

namespace stressd::host {
namespace {

int ServeRuns(SessionKind kind, protocol::FileDescriptor control,
              protocol::FileDescriptor black_box) {
  AllowTracing();
  absl::StatusOr<protocol::BlackBoxMapping> box = protocol::BlackBoxMapping::Map(black_box.get());
  if (!box.ok()) {
    std::fprintf(stderr, "stressd: host: %s\n", box.status().ToString().c_str());
    return protocol::kExitSetUp;
  }
  black_box.Reset();
  HostProcess process(*std::move(box));
  if (!process.Start()) return protocol::kExitSetUp;
  ControlLink link(std::move(control));
  HostSession session(kind, &link, process.runtime(), process.writer());
  return session.Serve();
}

int ServeForks(protocol::FileDescriptor control) {
  ControlLink link(std::move(control));
  ForkServer server(&link, [](FreshHostStart start) {
    return ServeRuns(SessionKind::kFresh, std::move(start.control), std::move(start.black_box));
  });
  return server.Serve();
}

int Main(int argc, char** argv) {
  KeepDeadThreadStacks(argv);
  int exit_code = 0;
  const std::optional<Flags> flags = ParseFlags(argc, argv, &exit_code);
  if (!flags.has_value()) return exit_code;
  if (flags->mode == HostMode::kStandalone) return RunStandalone(*flags);
  if (!DieWithParent(flags->parent_pid)) {
    std::fprintf(stderr, "stressd: host: process %d is not my parent\n", flags->parent_pid);
    return protocol::kExitSetUp;
  }
  // A terminal's Ctrl-C is the daemon's to handle.
  ::signal(SIGINT, SIG_IGN);
  protocol::FileDescriptor control(flags->control_fd);
  if (flags->mode == HostMode::kForkServer) {
    return ServeForks(std::move(control));
  }
  return ServeRuns(SessionKind::kResident, std::move(control),
                   protocol::FileDescriptor(flags->black_box_fd));
}

}  // namespace
}  // namespace stressd::host

int main(int argc, char** argv) { return stressd::host::Main(argc, argv); }
