#include "stressd/host/die_with_parent.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gtest/gtest.h"

namespace stressd::host {
namespace {

// A parent that forks a child, which binds itself and sleeps; when the parent is
// killed the child's end of the pipe is closed by its death.
TEST(DieWithParentTest, TheChildDiesWithItsParent) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    const pid_t self = ::getpid();
    if (::fork() == 0) {
      ::close(ends[0]);
      if (!DieWithParent(self)) ::_exit(1);
      (void)!::write(ends[1], "x", 1);
      for (;;) ::pause();
    }
    ::close(ends[1]);
    for (;;) ::pause();
  }
  ::close(ends[1]);
  char byte = 0;
  ASSERT_EQ(::read(ends[0], &byte, 1), 1) << "the child is bound";
  ASSERT_EQ(::kill(parent, SIGKILL), 0);
  ASSERT_EQ(::waitpid(parent, nullptr, 0), parent);
  EXPECT_EQ(::read(ends[0], &byte, 1), 0) << "the child is gone";
  ::close(ends[0]);
}

TEST(DieWithParentTest, AParentThatIsGoneIsSeen) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(DieWithParent(::getpid()) ? 1 : 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace stressd::host
