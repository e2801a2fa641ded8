#include "stressd/host/oracles/process_usage.h"

#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "gtest/gtest.h"

namespace stressd::host {
namespace {

TEST(ProcessUsageTest, TwoReadingsOfAnIdleProcessAreEqual) {
  const ProcessUsage first = ReadProcessUsage();
  const ProcessUsage second = ReadProcessUsage();
  EXPECT_EQ(first.file_descriptors, second.file_descriptors);
  EXPECT_EQ(first.thread_count, second.thread_count);
  EXPECT_FALSE(second.has_children);
}

TEST(ProcessUsageTest, AnOpenPipeShowsWithItsTarget) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const ProcessUsage usage = ReadProcessUsage();
  ASSERT_TRUE(usage.file_descriptors.contains(ends[0]));
  EXPECT_EQ(usage.file_descriptors.at(ends[0]).substr(0, 5), "pipe:");
  close(ends[0]);
  close(ends[1]);
  EXPECT_FALSE(ReadProcessUsage().file_descriptors.contains(ends[0]));
}

TEST(ProcessUsageTest, AThreadShows) {
  StartSanitizerThread();
  const int64_t before = ReadProcessUsage().thread_count;
  int64_t during = 0;
  std::thread([&during] { during = ReadProcessUsage().thread_count; }).join();
  EXPECT_EQ(during, before + 1);
}

TEST(ProcessUsageTest, TheSanitizersThreadStartsOnceAtMost) {
  StartSanitizerThread();
  const int64_t before = ReadProcessUsage().thread_count;
  StartSanitizerThread();
  EXPECT_EQ(ReadProcessUsage().thread_count, before);
}

TEST(ProcessUsageTest, AnEndedChildShowsUntilItIsReaped) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(ReadProcessUsage().has_children);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_FALSE(ReadProcessUsage().has_children);
}

}  // namespace
}  // namespace stressd::host
