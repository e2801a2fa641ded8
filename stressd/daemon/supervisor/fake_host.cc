// A host that behaves as told: it speaks the host protocol and has no runtime.
// The scenario's name is the behaviour; --misbehave= spoils the start.
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "stressd/protocol/black_box.h"
#include "stressd/protocol/black_box_writer.h"
#include "stressd/protocol/exit_code.h"
#include "stressd/protocol/frame.h"
#include "stressd/protocol/message.h"
#include "stressd/protocol/protocol_version.h"

namespace stressd::protocol {
namespace {

struct Flags {
  int control_fd = -1;
  int black_box_fd = -1;
  int parent_pid = 0;
  std::string mode;
  std::string flavor = "plain";
  std::string build_id = "0123456789abcdef";
  std::string misbehave;
};

Flags ParseFlags(int argc, char** argv) {
  Flags flags;
  for (int i = 1; i < argc; ++i) {
    absl::string_view text = argv[i];
    if (absl::ConsumePrefix(&text, "--control-fd=")) {
      if (!absl::SimpleAtoi(text, &flags.control_fd)) _exit(kExitUsage);
    } else if (absl::ConsumePrefix(&text, "--black-box-fd=")) {
      if (!absl::SimpleAtoi(text, &flags.black_box_fd)) _exit(kExitUsage);
    } else if (absl::ConsumePrefix(&text, "--parent-pid=")) {
      if (!absl::SimpleAtoi(text, &flags.parent_pid)) _exit(kExitUsage);
    } else if (absl::ConsumePrefix(&text, "--mode=")) {
      flags.mode = std::string(text);
    } else if (absl::ConsumePrefix(&text, "--flavor=")) {
      flags.flavor = std::string(text);
    } else if (absl::ConsumePrefix(&text, "--build-id=")) {
      flags.build_id = std::string(text);
    } else if (absl::ConsumePrefix(&text, "--misbehave=")) {
      flags.misbehave = std::string(text);
    } else {
      _exit(kExitUsage);
    }
  }
  return flags;
}

void DieWithParent(int parent_pid) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != parent_pid) _exit(kExitSetUp);
}

void Send(int fd, const ToDaemon& message) {
  if (!SendToDaemon(fd, message).ok()) _exit(kExitSetUp);
}

void SayHello(int fd, const Flags& flags) {
  ToDaemon message;
  Hello& hello = *message.mutable_hello();
  hello.set_protocol_version(flags.misbehave == "wrong-version" ? 999 : kProtocolVersion);
  hello.set_flavor(flags.flavor);
  hello.set_build_id(flags.build_id);
  hello.set_pid(getpid());
  Send(fd, message);
}

[[noreturn]] void Forever() {
  while (true) pause();
}

// Executes runs on one socket, as a resident or a fresh host does.
class FakeHost {
 public:
  FakeHost(int fd, BlackBoxMemory* memory) : fd_(fd), reader_(fd), writer_(memory) {}

  void Serve(bool once) {
    while (true) {
      const absl::StatusOr<Frame> frame = reader_.Read();
      if (!frame.ok()) _exit(0);
      const absl::StatusOr<ToHost> message = ParseToHost(frame->payload);
      if (!message.ok()) _exit(kExitProtocol);
      if (message->has_shutdown()) _exit(0);
      if (message->has_snapshot()) {
        ToDaemon answer;
        answer.mutable_snapshot()->set_request_id(message->snapshot().request_id());
        answer.mutable_snapshot()->add_interpreters()->mutable_balance()->set_reference_total(42);
        Send(fd_, answer);
      }
      if (!message->has_run()) continue;
      Execute(message->run());
      if (once) _exit(0);
    }
  }

 private:
  void Execute(const RunRequest& run) {
    writer_.BeginRun(run.run_id(), run.scenario(), run.seed(), 1);
    writer_.EnterPhase(RunPhase::kRun, 2);
    writer_.operation_count()->fetch_add(7, std::memory_order_relaxed);
    result_.mutable_result()->Clear();
    result_.mutable_result()->set_run_id(run.run_id());
    result_.mutable_result()->set_verdict(RunResult::PASSED);
    result_.mutable_result()->set_operation_count(7);
    const std::string& name = run.scenario();
    if (name == "violation") Violate();
    if (name == "crash") raise(SIGSEGV);
    if (name == "hang") Forever();
    if (name == "obey" || name == "stubborn") AwaitCancel(name == "obey");
    if (name == "memory") EatMemory();
    if (name == "work") Work();
    if (name == "fork-and-leave" && fork() == 0) Forever();
    if (name == "fork-and-hang") {
      if (fork() == 0) Forever();
      Forever();
    }
    Spoil(name);
    Send(fd_, result_);
    if (name == "hang-at-exit") Forever();
    if (name == "crash-at-exit") raise(SIGBUS);
    if (name == "report-at-exit") Report(ReportKind::kLeak, kExitLeak);
    writer_.EndRun(3);
  }

  // Ways not to give a result.
  void Spoil(const std::string& name) {
    if (name == "check-failure") {
      writer_.RecordFailure("INV-7", "merge_queue.cc", 42, "the queue is not empty");
      signal(SIGABRT, SIG_DFL);
      abort();
    }
    if (name == "report") Report(ReportKind::kAddress, kExitAddress);
    if (name == "garbage") {
      const std::string noise(64, '\xff');
      (void)!write(fd_, noise.data(), noise.size());
      Forever();
    }
    if (name == "partial-frame") {
      const char header[] = {100, 0, 0, 0, 'x'};
      (void)!write(fd_, header, sizeof(header));
      _exit(0);
    }
    if (name == "wrong-run") {
      result_.mutable_result()->set_run_id(-1);
      Send(fd_, result_);
      Forever();
    }
    if (name == "close-and-stay") {
      close(fd_);
      Forever();
    }
    if (name == "exit-zero") _exit(0);
    if (name == "exit-seven") _exit(7);
  }

  [[noreturn]] void Report(ReportKind kind, int exit_code) {
    dprintf(2, "==1==ERROR: FakeSanitizer: something-bad\n    #0 in Somewhere file.cc:1\n");
    writer_.RecordReport(kind);
    _exit(exit_code);
  }

  void Violate() {
    result_.mutable_result()->set_verdict(RunResult::VIOLATION);
    Violation& violation = *result_.mutable_result()->add_violations();
    violation.set_rule("reference-balance");
    violation.set_message("expected 0 references, found 1");
  }

  void Beat() { writer_.heartbeat_count()->fetch_add(1, std::memory_order_relaxed); }

  void AwaitCancel(bool obey) {
    while (true) {
      Beat();
      pollfd entry = {fd_, POLLIN, 0};
      poll(&entry, 1, 5);
      const absl::StatusOr<std::optional<Frame>> frame = reader_.Poll();
      if (!frame.ok()) _exit(0);
      if (!frame->has_value() || !obey) continue;
      const absl::StatusOr<ToHost> message = ParseToHost((*frame)->payload);
      if (!message.ok() || !message->has_cancel()) continue;
      const bool late = message->cancel().reason() == CancelRun::TIMED_OUT;
      result_.mutable_result()->set_verdict(late ? RunResult::TIMED_OUT : RunResult::CANCELLED);
      return;
    }
  }

  // A few steps, each a sign of life.
  void Work() {
    for (int i = 0; i < 20; ++i) {
      Beat();
      poll(nullptr, 0, 5);
    }
  }

  void EatMemory() {
    std::vector<std::string> eaten;
    while (true) {
      Beat();
      // 64 MiB at most: enough for the test's limit, harmless for the machine.
      if (eaten.size() < 64) eaten.emplace_back(size_t{1} << 20, 'm');
      poll(nullptr, 0, 1);
    }
  }

  const int fd_;
  FrameReader reader_;
  BlackBoxWriter writer_;
  ToDaemon result_;
};

void Format(BlackBoxMemory* memory, const Flags& flags) {
  BlackBoxWriter writer(memory);
  writer.SetCounterName(0, "attach");
  writer.Format(flags.flavor, flags.build_id);
}

void DescribeTo(int fd) {
  ToDaemon answer;
  for (const char* name : {"pass", "violation"}) {
    ScenarioDescription& scenario = *answer.mutable_scenarios()->add_scenarios();
    scenario.set_name(name);
    ParameterDescription& parameter = *scenario.add_parameters();
    parameter.set_name("threads");
    parameter.set_type("int64");
    parameter.set_default_value("4");
    parameter.set_minimum("1");
    parameter.set_maximum("64");
  }
  Send(fd, answer);
}

[[noreturn]] void BeFresh(const Flags& flags, Frame frame, int parent_pid) {
  setpgid(0, 0);
  DieWithParent(parent_pid);
  dup2(frame.descriptors[2].get(), 2);
  close(flags.control_fd);
  absl::StatusOr<BlackBoxMapping> mapping = BlackBoxMapping::Map(frame.descriptors[1].get());
  if (!mapping.ok()) _exit(kExitSetUp);
  Format(mapping->memory(), flags);
  SayHello(frame.descriptors[0].get(), flags);
  FakeHost(frame.descriptors[0].get(), mapping->memory()).Serve(true);
  _exit(0);
}

class FakeForkServer {
 public:
  explicit FakeForkServer(const Flags& flags) : flags_(flags), reader_(flags.control_fd) {}

  void Serve() {
    while (true) {
      pollfd entry = {flags_.control_fd, POLLIN, 0};
      poll(&entry, 1, 2);
      ReapChildren();
      absl::StatusOr<std::optional<Frame>> frame = reader_.Poll();
      if (!frame.ok()) _exit(0);
      if (frame->has_value()) Handle(**std::move(frame));
    }
  }

 private:
  void Handle(Frame frame) {
    const absl::StatusOr<ToHost> message = ParseToHost(frame.payload);
    if (!message.ok() || message->has_shutdown()) _exit(0);
    if (message->has_describe()) return DescribeTo(flags_.control_fd);
    if (!message->has_fork_fresh()) return;
    const int parent_pid = getpid();
    const pid_t pid = fork();
    if (pid == 0) BeFresh(flags_, std::move(frame), parent_pid);
    setpgid(pid, pid);
    ToDaemon answer;
    answer.mutable_forked()->set_request_id(message->fork_fresh().request_id());
    answer.mutable_forked()->set_pid(pid);
    Send(flags_.control_fd, answer);
    children_.push_back({message->fork_fresh().request_id(), pid});
  }

  void ReapChildren() {
    for (size_t i = 0; i < children_.size();) {
      int status = 0;
      if (waitpid(children_[i].pid, &status, WNOHANG) != children_[i].pid) {
        ++i;
        continue;
      }
      ToDaemon message;
      message.mutable_child_exited()->set_request_id(children_[i].request_id);
      message.mutable_child_exited()->set_pid(children_[i].pid);
      message.mutable_child_exited()->set_wait_status(status);
      Send(flags_.control_fd, message);
      children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  struct Child {
    int64_t request_id;
    pid_t pid;
  };
  const Flags& flags_;
  FrameReader reader_;
  std::vector<Child> children_;
};

int Main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  const Flags flags = ParseFlags(argc, argv);
  DieWithParent(flags.parent_pid);
  if (flags.misbehave == "exit-before-hello") {
    dprintf(2, "no shared library\n");
    return kExitSetUp;
  }
  if (flags.misbehave == "silent") Forever();
  if (flags.mode == "forkserver") {
    SayHello(flags.control_fd, flags);
    FakeForkServer(flags).Serve();
  }
  absl::StatusOr<BlackBoxMapping> mapping = BlackBoxMapping::Map(flags.black_box_fd);
  if (!mapping.ok()) return kExitSetUp;
  Format(mapping->memory(), flags);
  SayHello(flags.control_fd, flags);
  FakeHost(flags.control_fd, mapping->memory()).Serve(false);
  return 0;
}

}  // namespace
}  // namespace stressd::protocol

int main(int argc, char** argv) { return stressd::protocol::Main(argc, argv); }
