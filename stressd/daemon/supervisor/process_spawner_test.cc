#include "stressd/daemon/supervisor/process_spawner.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "stressd/daemon/supervisor/process_info.h"
#include "stressd/daemon/supervisor/stack_dump.h"
#include "stressd/daemon/supervisor/stderr_capture.h"
#include "stressd/protocol/file_descriptor.h"

namespace stressd::supervisor {
namespace {

// Runs `script` to its end and returns what it wrote.
std::string ShellOutput(ProcessSpawner& spawner, const std::string& script) {
  absl::StatusOr<StderrCapture> output = StderrCapture::Create();
  SpawnRequest request;
  request.arguments = {"/bin/sh", "-c", script};
  request.output_fd = output->fd();
  absl::StatusOr<ChildProcess> child = spawner.Spawn(request);
  EXPECT_TRUE(child.ok()) << child.status();
  EXPECT_TRUE(child->Wait(absl::Seconds(30)).has_value());
  return output->Text(StderrCapture::kBytesMax);
}

struct Pipe {
  Pipe() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    read_end.Reset(ends[0]);
    write_end.Reset(ends[1]);
  }
  protocol::FileDescriptor read_end;
  protocol::FileDescriptor write_end;
};

absl::StatusOr<ChildProcess> Sleeper(ProcessSpawner& spawner, const StderrCapture& output) {
  SpawnRequest request;
  request.arguments = {"/bin/sleep", "1000"};
  request.output_fd = output.fd();
  return spawner.Spawn(request);
}

TEST(ProcessSpawnerTest, AChildHasNoDescriptorOfOursButThoseGiven) {
  ProcessSpawner spawner;
  // Not close-on-exec: S1 must hold even for descriptors of careless libraries.
  // From 7 on, because the shell's own look takes a low one.
  const int careless = fcntl(2, F_DUPFD, 7);
  ASSERT_LT(careless, 100);
  EXPECT_EQ(ShellOutput(spawner, "echo /proc/self/fd/[7-9] /proc/self/fd/[1-9][0-9]"),
            "/proc/self/fd/[7-9] /proc/self/fd/[1-9][0-9]\n");
  close(careless);
}

TEST(ProcessSpawnerTest, ChildrenLeadTheirGroupAndHaveDefaultSignals) {
  signal(SIGPIPE, SIG_IGN);
  ProcessSpawner spawner;
  EXPECT_EQ(ShellOutput(spawner, "test $$ -eq $(cut -d' ' -f5 /proc/$$/stat) && echo leader"),
            "leader\n");
  const std::string mask = ShellOutput(spawner, "sed -n 's/SigIgn:.//p' /proc/self/status");
  // 32 and 33 are the C library's own.
  EXPECT_EQ(std::strtoull(mask.c_str(), nullptr, 16) & 0x7fffffff, 0u) << mask;
}

TEST(ProcessSpawnerTest, AnOwnerThatGoesAwayTakesItsChildAlong) {
  ProcessSpawner spawner;
  const absl::StatusOr<StderrCapture> output = StderrCapture::Create();
  pid_t pid = 0;
  {
    absl::StatusOr<ChildProcess> child = Sleeper(spawner, *output);
    ASSERT_TRUE(child.ok()) << child.status();
    pid = child->pid();
    EXPECT_FALSE(child->Wait(absl::Milliseconds(1)).has_value());
    EXPECT_EQ(kill(pid, 0), 0);
  }
  EXPECT_NE(kill(pid, 0), 0);
}

TEST(ProcessSpawnerTest, TheWaitStatusIsTheSameEachTime) {
  ProcessSpawner spawner;
  const absl::StatusOr<StderrCapture> output = StderrCapture::Create();
  absl::StatusOr<ChildProcess> child = Sleeper(spawner, *output);
  ASSERT_TRUE(child.ok()) << child.status();
  kill(child->pid(), SIGTERM);
  const std::optional<int> status = child->Wait(absl::Seconds(30));
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(WTERMSIG(*status), SIGTERM);
  EXPECT_EQ(child->Wait(absl::ZeroDuration()), status);
  EXPECT_EQ(child->KillAndReap(), *status);
}

TEST(ProcessSpawnerTest, ThreadsSpawnSideBySide) {
  ProcessSpawner spawner;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&spawner, i] {
      for (int k = 0; k < 5; ++k) {
        EXPECT_EQ(ShellOutput(spawner, absl::StrCat("echo ", i)), absl::StrCat(i, "\n"));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(StderrCaptureTest, KeepsABoundedAmountAndNeverBlocksTheWriter) {
  ProcessSpawner spawner;
  const std::string text = ShellOutput(
      spawner, "head -c 3000000 /dev/zero | tr '\\0' x 2>/dev/null; test -e / && exit 0");
  EXPECT_EQ(text.size(), StderrCapture::kBytesMax);
  EXPECT_EQ(text.find_first_not_of('x'), std::string::npos);
}

TEST(StderrCaptureTest, ClearForgets) {
  absl::StatusOr<StderrCapture> capture = StderrCapture::Create();
  ASSERT_TRUE(capture.ok());
  ASSERT_EQ(write(capture->fd(), "old text", 8), 8);
  capture->Clear();
  EXPECT_EQ(capture->Text(100), "");
  ASSERT_EQ(write(capture->fd(), "new", 3), 3);
  EXPECT_EQ(capture->Text(100), "new");
}

// Spawn() returns while the kernel still executes the program, which has no
// stacks yet: the child says that it runs.
TEST(StackDumpTest, ShowsTheThreadsOfAProcess) {
  ProcessSpawner spawner;
  Pipe says;
  const Pipe hears;
  SpawnRequest request;
  request.arguments = {"/bin/sh", "-c", "echo ready; read never <&3"};
  request.output_fd = says.write_end.get();
  request.fds = {hears.read_end.get()};
  absl::StatusOr<ChildProcess> child = spawner.Spawn(request);
  ASSERT_TRUE(child.ok()) << child.status();
  says.write_end.Reset();
  char first = 0;
  ASSERT_EQ(read(says.read_end.get(), &first, 1), 1);
  const std::string stacks =
      DumpStacks(spawner, "/usr/bin/eu-stack", child->pid(), absl::Seconds(30));
  EXPECT_TRUE(absl::StrContains(stacks, absl::StrCat("TID ", child->pid()))) << stacks;
  EXPECT_TRUE(absl::StrContains(stacks, "#0 ")) << stacks;
  EXPECT_TRUE(absl::StrContains(stacks, absl::StrCat(child->pid(), " sh "))) << stacks;
  EXPECT_GT(ResidentBytes(child->pid()), 0);
}

TEST(StackDumpTest, SaysSoWhereTheHelperIsMissingOrTooSlow) {
  ProcessSpawner spawner;
  const std::string missing = DumpStacks(spawner, "/nowhere/eu-stack", getpid(), absl::Seconds(1));
  EXPECT_TRUE(absl::StrContains(missing, "cannot start /nowhere/eu-stack")) << missing;
  EXPECT_TRUE(absl::StrContains(missing, "Threads of process")) << missing;
  EXPECT_EQ(ThreadTable(0), "");
}

}  // namespace
}  // namespace stressd::supervisor
