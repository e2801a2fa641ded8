#include "stressd/daemon/store/state_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

namespace stressd::store {
namespace {

using ::testing::HasSubstr;

std::string FreshFolder(const std::string& name) {
  std::string path = testing::TempDir() + "/state_folder_XXXXXX";
  EXPECT_NE(mkdtemp(path.data()), nullptr);
  return path + "/" + name;
}

TEST(StateFolderTest, MakesTheFolderWithItsParents) {
  const std::string path = FreshFolder("a/b/c");
  const auto folder = StateFolder::Open(path);
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(folder->File("x.db"), path + "/x.db");
  struct stat info = {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0750u);
}

TEST(StateFolderTest, SecondHolderIsRefusedWithThePidOfTheFirst) {
  const std::string path = FreshFolder("state");
  std::optional<StateFolder> first = *StateFolder::Open(path);
  const auto second = StateFolder::Open(path);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("pid " + std::to_string(getpid())));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(path));
  // A moved lock is held once; the end of its holder frees it.
  std::optional<StateFolder> moved = std::move(first);
  EXPECT_FALSE(StateFolder::Open(path).ok());
  moved.reset();
  first.reset();
  EXPECT_TRUE(StateFolder::Open(path).ok());
}

TEST(StateFolderTest, FileInTheWayIsRefused) {
  const std::string path = FreshFolder("file");
  std::ofstream(path) << "x";
  const auto folder = StateFolder::Open(path);
  ASSERT_FALSE(folder.ok());
  EXPECT_THAT(std::string(folder.status().message()), HasSubstr("Not a directory"));
}

// Root may write anywhere but where the file system itself says no.
TEST(StateFolderTest, FolderThatCannotBeWrittenIsRefused) {
  const auto folder = StateFolder::Open("/proc/stressd");
  ASSERT_FALSE(folder.ok());
  EXPECT_THAT(std::string(folder.status().message()),
              HasSubstr("state_dir: \"/proc/stressd\" is not usable"));
  EXPECT_FALSE(StateFolder::Open("").ok());
  EXPECT_FALSE(StateFolder::Open("/proc/self").ok());
}

}  // namespace
}  // namespace stressd::store
