#include "stressd/host/scenarios/child_process.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace stressd::host {
namespace {

using ::testing::HasSubstr;

// Forks a child that does `child` and returns what collecting it found.
std::vector<Violation> Collect(absl::FunctionRef<void(ChildChannel&)> child,
                               absl::Status* status = nullptr,
                               absl::Duration deadline = absl::Minutes(1)) {
  auto channel = ChildChannel::Make();
  EXPECT_TRUE(channel.ok());
  const pid_t pid = fork();
  if (pid == 0) {
    child(*channel);
    _exit(99);
  }
  ViolationList out;
  const absl::Status collected = CollectChild(pid, *channel, deadline, [] {}, out);
  if (status != nullptr) *status = collected;
  // H1: reaped.
  EXPECT_EQ(waitpid(pid, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
  return out.violations();
}

TEST(ChildProcessTest, AChildThatFoundNothingAddsNothing) {
  EXPECT_TRUE(
      Collect([](ChildChannel& channel) { ExitWithViolations(channel, ViolationList()); }).empty());
}

TEST(ChildProcessTest, ViolationsArriveWithThePid) {
  const auto found = Collect([](ChildChannel& channel) {
    ViolationList violations;
    violations.Add("reference-total", "+1 references");
    violations.Add("thread-list", "one: too many");
    ExitWithViolations(channel, violations);
  });
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].oracle, "reference-total");
  EXPECT_THAT(found[0].message, HasSubstr("+1 references [child process "));
  EXPECT_THAT(found[1].message, HasSubstr("one: too many"));
}

TEST(ChildProcessTest, AHangingChildIsKilledAndReported) {
  const auto found = Collect(
      [](ChildChannel&) {
        for (;;) pause();
      },
      nullptr, absl::Milliseconds(50));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].oracle, "fork-child");
  EXPECT_THAT(found[0].message, HasSubstr("hung: no end within 50ms, killed"));
}

TEST(ChildProcessTest, ADeathBySignalIsReportedWithItsStatus) {
  const auto found = Collect([](ChildChannel&) { raise(SIGKILL); });
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0].message, HasSubstr("was killed by signal 9"));
}

TEST(ChildProcessTest, AnUnknownExitCodeIsReported) {
  const auto found = Collect([](ChildChannel&) { _exit(66); });
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0].message, HasSubstr("exited with code 66"));
}

// A verdict of "violation" that says nothing is still one.
TEST(ChildProcessTest, AnEmptyReportIsStillAViolation) {
  EXPECT_EQ(Collect([](ChildChannel& channel) { channel.Exit(kChildViolation, ""); }).size(), 1u);
}

TEST(ChildProcessTest, AChildThatCouldNotWorkIsAnError) {
  absl::Status status;
  EXPECT_TRUE(
      Collect([](ChildChannel& channel) { channel.Exit(kChildError, "no memory"); }, &status)
          .empty());
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no memory"));
}

TEST(ChildProcessTest, ALongReportIsCutAndDoesNotBlock) {
  const auto found = Collect([](ChildChannel& channel) {
    std::string text = "oracle: ";
    text.append(1 << 20, 'x');
    channel.Exit(kChildViolation, text);
  });
  ASSERT_EQ(found.size(), 1u);
  EXPECT_LT(found[0].message.size(), size_t{33 * 1024});
}

}  // namespace
}  // namespace stressd::host
