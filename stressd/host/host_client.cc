#include "stressd/host/host_client.h"

#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

extern char** environ;

namespace stressd::host {
namespace {

// Sanitizer flavors on a busy machine need their time; a hang is an error.
constexpr absl::Duration kPatience = absl::Seconds(60);

}  // namespace

HostClient::HostClient() {
  int fds[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  socket_.Reset(fds[0]);
  host_socket_.Reset(fds[1]);
  box_fd_ = *protocol::CreateBlackBoxMemory();
  box_ = *protocol::BlackBoxMapping::Map(box_fd_.get());
  stderr_.Reset(::memfd_create("stderr", MFD_CLOEXEC));
  reader_ = std::make_unique<protocol::FrameReader>(socket_.get());
}

HostClient::~HostClient() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

pid_t HostClient::Spawn(const std::string& flavor, const std::string& mode,
                        const std::vector<std::string>& extra) {
  const std::string path = absl::StrCat("stressd/host/stress_host_", flavor);
  std::vector<std::string> arguments = {path, "--mode=" + mode, "--control-fd=3",
                                        "--black-box-fd=4",
                                        absl::StrCat("--parent-pid=", ::getpid())};
  arguments.insert(arguments.end(), extra.begin(), extra.end());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  // Through numbers that none of the sources has: dup2() onto itself would
  // leave close-on-exec set, and onto another source would lose it.
  const int sources[3] = {host_socket_.get(), box_fd_.get(), stderr_.get()};
  for (int i = 0; i < 3; ++i) {
    posix_spawn_file_actions_adddup2(&actions, sources[i], 100 + i);
  }
  posix_spawn_file_actions_adddup2(&actions, 100, 3);
  posix_spawn_file_actions_adddup2(&actions, 101, 4);
  posix_spawn_file_actions_adddup2(&actions, 102, 2);
  for (int i = 0; i < 3; ++i) {
    posix_spawn_file_actions_addclose(&actions, 100 + i);
  }
  EXPECT_EQ(::posix_spawn(&pid_, path.c_str(), &actions, nullptr, argv.data(), environ), 0) << path;
  posix_spawn_file_actions_destroy(&actions);
  host_socket_.Reset();
  return pid_;
}

pid_t HostClient::ForkBy(HostClient& server, int64_t request_id) {
  protocol::ToHost message;
  message.mutable_fork_fresh()->set_request_id(request_id);
  EXPECT_TRUE(protocol::SendToHost(server.socket_.get(), message,
                                   {host_socket_.get(), box_fd_.get(), stderr_.get()})
                  .ok());
  host_socket_.Reset();
  absl::StatusOr<protocol::ToDaemon> answer = server.Next();
  if (!answer.ok() || !answer->has_forked()) return 0;
  EXPECT_EQ(answer->forked().request_id(), request_id);
  return static_cast<pid_t>(answer->forked().pid());
}

void HostClient::Send(const protocol::ToHost& message) {
  EXPECT_TRUE(protocol::SendToHost(socket_.get(), message).ok());
}

void HostClient::SendRaw(const std::string& bytes) {
  EXPECT_EQ(::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
}

absl::StatusOr<protocol::ToDaemon> HostClient::NextOfAny() {
  absl::StatusOr<protocol::Frame> frame = reader_->Read(kPatience);
  if (!frame.ok()) return frame.status();
  return protocol::ParseToDaemon(frame->payload);
}

absl::StatusOr<protocol::ToDaemon> HostClient::Next() {
  for (;;) {
    absl::StatusOr<protocol::ToDaemon> message = NextOfAny();
    if (!message.ok() || !message->has_progress()) return message;
  }
}

void HostClient::StartRun(int64_t run_id, const std::string& scenario) {
  protocol::ToHost message;
  message.mutable_run()->set_run_id(run_id);
  message.mutable_run()->set_scenario(scenario);
  message.mutable_run()->set_seed(static_cast<uint64_t>(run_id));
  Send(message);
}

int HostClient::Wait() {
  int status = 0;
  EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
  pid_ = 0;
  return status;
}

std::string HostClient::Stderr() const {
  std::string text;
  char buffer[4096];
  for (off_t at = 0;;) {
    const ssize_t bytes = ::pread(stderr_.get(), buffer, sizeof(buffer), at);
    if (bytes <= 0) return text;
    text.append(buffer, static_cast<size_t>(bytes));
    at += bytes;
  }
}

}  // namespace stressd::host
