#include "stressd/daemon/service/listen_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

namespace stressd::service {
namespace {

using ::testing::HasSubstr;

// A folder with a short name, removed at the end: the path of a socket has at
// most 107 bytes, which Bazel's own folder may use up.
class ScratchFolder {
 public:
  ScratchFolder() { EXPECT_NE(mkdtemp(path_.data()), nullptr); }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_ = "/tmp/listen_XXXXXX";
};

// A socket whose daemon is gone: bound, never removed.
void LeaveSocket(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(fd, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof(address.sun_path));
  std::memcpy(address.sun_path, path.c_str(), path.size());
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  close(fd);
}

TEST(ListenAddressTest, LoopbackAndUnixPathsAreAccepted) {
  for (const auto& [text, canonical] :
       {std::pair("127.0.0.1:0", "127.0.0.1:0"), std::pair("127.8.9.1:65535", "127.8.9.1:65535"),
        std::pair("localhost:80", "127.0.0.1:80"), std::pair("[::1]:80", "[::1]:80"),
        std::pair("unix:/a/b", "unix:/a/b"), std::pair("unix:///a/b", "unix:/a/b"),
        std::pair("/a/b", "unix:/a/b")}) {
    const auto address = ListenAddress::Parse(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->Text(), canonical);
  }
}

TEST(ListenAddressTest, EverythingElseIsRefusedWithWhatIsAllowed) {
  for (const char* text :
       {"", "0.0.0.0:80", "[::]:80", "10.0.0.1:80", "example.org:80", "127.0.0.1",
        "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:x", "127.0.0.1:+1", ":80", "[::1:80",
        "128.0.0.1:80", "127.1:80", "unix:", "*:80"}) {
    const auto address = ListenAddress::Parse(text);
    ASSERT_FALSE(address.ok()) << text;
    EXPECT_THAT(std::string(address.status().message()), HasSubstr("allowed: unix:/PATH")) << text;
  }
  EXPECT_FALSE(ListenAddress::Parse("unix:/" + std::string(107, 'x')).ok());
}

TEST(UnixSocketTest, SecondClaimIsRefusedAndTheFirstStays) {
  const ScratchFolder folder;
  const std::string path = folder.File("deep/s");
  {
    const auto first = UnixSocket::Claim(path);
    ASSERT_TRUE(first.ok()) << first.status();
    const auto second = UnixSocket::Claim(path);
    ASSERT_FALSE(second.ok());
    EXPECT_THAT(std::string(second.status().message()),
                HasSubstr("held by another daemon, pid " + std::to_string(getpid())));
  }
  EXPECT_NE(access((path + ".lock").c_str(), F_OK), 0);
  EXPECT_TRUE(UnixSocket::Claim(path).ok());
}

TEST(UnixSocketTest, StaleSocketIsRemoved) {
  const ScratchFolder folder;
  const std::string path = folder.File("s");
  LeaveSocket(path);
  const auto socket = UnixSocket::Claim(path);
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST(UnixSocketTest, FileThatIsNoSocketIsNeverRemoved) {
  const ScratchFolder folder;
  const std::string path = folder.File("s");
  std::ofstream(path) << "precious";
  EXPECT_FALSE(UnixSocket::Claim(path).ok());
  EXPECT_EQ(access(path.c_str(), F_OK), 0);
  EXPECT_NE(access((path + ".lock").c_str(), F_OK), 0);
}

}  // namespace
}  // namespace stressd::service
