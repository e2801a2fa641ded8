#include "stressd/protocol/frame.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace stressd::protocol {
namespace {

// Two ends of a connection.
struct Pair {
  Pair() {
    int fds[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) return;
    left.Reset(fds[0]);
    right.Reset(fds[1]);
  }
  FileDescriptor left;
  FileDescriptor right;
};

void WriteRaw(int fd, const std::string& bytes) {
  ASSERT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
}

std::string Header(uint32_t length) {
  std::string header(kFrameHeaderBytes, '\0');
  for (size_t i = 0; i < kFrameHeaderBytes; ++i) {
    header[i] = static_cast<char>((length >> (8 * i)) & 0xff);
  }
  return header;
}

TEST(FrameTest, FramesArriveInOrder) {
  Pair pair;
  ASSERT_TRUE(WriteFrame(pair.left.get(), "first").ok());
  ASSERT_TRUE(WriteFrame(pair.left.get(), std::string("s\0nd", 4)).ok());
  FrameReader reader(pair.right.get());
  EXPECT_EQ(reader.Read()->payload, "first");
  EXPECT_EQ(reader.Read()->payload, std::string("s\0nd", 4));
  EXPECT_FALSE(reader.Poll()->has_value());
}

TEST(FrameTest, TheLengthIsLittleEndian) {
  Pair pair;
  ASSERT_TRUE(WriteFrame(pair.left.get(), std::string(258, 'x')).ok());
  unsigned char header[4] = {};
  ASSERT_EQ(::recv(pair.right.get(), header, 4, MSG_WAITALL), 4);
  EXPECT_EQ(header[0], 2);
  EXPECT_EQ(header[1], 1);
  EXPECT_EQ(header[2], 0);
  EXPECT_EQ(header[3], 0);
}

TEST(FrameTest, SingleBytesAddUpToAFrame) {
  Pair pair;
  FrameReader reader(pair.right.get());
  const std::string bytes = Header(5) + "hello";
  for (size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_FALSE(reader.Poll()->has_value()) << i;
    WriteRaw(pair.left.get(), bytes.substr(i, 1));
  }
  auto frame = reader.Poll();
  ASSERT_TRUE(frame.ok());
  ASSERT_TRUE(frame->has_value());
  EXPECT_EQ((*frame)->payload, "hello");
}

TEST(FrameTest, TheLargestFrameArrivesThroughASmallSocketBuffer) {
  Pair pair;
  std::string payload(kMaxFrameBytes, '\0');
  for (size_t i = 0; i < payload.size(); ++i) {
    payload[i] = static_cast<char>(i * 31 + (i >> 8));
  }
  std::thread writer([&] { EXPECT_TRUE(WriteFrame(pair.left.get(), payload).ok()); });
  FrameReader reader(pair.right.get());
  absl::StatusOr<Frame> frame = reader.Read();
  writer.join();
  ASSERT_TRUE(frame.ok());
  EXPECT_TRUE(frame->payload == payload);
}

TEST(FrameTest, AWrongSizeIsRefusedBeforeAnythingIsWritten) {
  Pair pair;
  EXPECT_EQ(WriteFrame(pair.left.get(), "").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(WriteFrame(pair.left.get(), std::string(kMaxFrameBytes + 1, 'x')).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(FrameReader(pair.right.get()).Poll()->has_value());
}

TEST(FrameTest, AnAnnouncedLengthOutOfRangeIsAnErrorThatStays) {
  for (uint32_t length :
       {uint32_t{0}, static_cast<uint32_t>(kMaxFrameBytes + 1), uint32_t{0xffffffff}}) {
    Pair pair;
    WriteRaw(pair.left.get(), Header(length) + "rest");
    FrameReader reader(pair.right.get());
    EXPECT_EQ(reader.Poll().status().code(), absl::StatusCode::kInvalidArgument) << length;
    EXPECT_EQ(reader.Read().status().code(), absl::StatusCode::kInvalidArgument) << length;
  }
}

TEST(FrameTest, ACloseBetweenFramesIsTheEnd) {
  Pair pair;
  ASSERT_TRUE(WriteFrame(pair.left.get(), "last").ok());
  pair.left.Reset();
  FrameReader reader(pair.right.get());
  EXPECT_EQ(reader.Read()->payload, "last");
  EXPECT_EQ(reader.Read().status().code(), absl::StatusCode::kOutOfRange);
}

TEST(FrameTest, ACloseInsideAFrameIsALoss) {
  for (const std::string& part : {Header(5).substr(0, 2), Header(5), Header(5) + "hell"}) {
    Pair pair;
    WriteRaw(pair.left.get(), part);
    pair.left.Reset();
    EXPECT_EQ(FrameReader(pair.right.get()).Read().status().code(), absl::StatusCode::kDataLoss)
        << part.size();
  }
}

TEST(FrameTest, WritingToAClosedPartnerRaisesNoSignal) {
  Pair pair;
  pair.right.Reset();
  EXPECT_EQ(WriteFrame(pair.left.get(), "x").code(), absl::StatusCode::kUnavailable);
}

TEST(FrameTest, APartnerThatNeverReadsDoesNotBlockForEver) {
  Pair pair;
  EXPECT_EQ(
      WriteFrame(pair.left.get(), std::string(kMaxFrameBytes, 'x'), {}, absl::Milliseconds(20))
          .code(),
      absl::StatusCode::kDeadlineExceeded);
}

TEST(FrameTest, AReadGoesOnWhereItsDeadlineStoppedIt) {
  Pair pair;
  WriteRaw(pair.left.get(), Header(4) + "ab");
  FrameReader reader(pair.right.get());
  EXPECT_EQ(reader.Read(absl::Milliseconds(5)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  WriteRaw(pair.left.get(), "cd");
  EXPECT_EQ(reader.Read()->payload, "abcd");
}

TEST(FrameTest, DescriptorsArriveWithTheirFrame) {
  Pair pair;
  int pipes[2][2];
  ASSERT_EQ(::pipe2(pipes[0], O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(pipes[1], O_CLOEXEC), 0);
  ASSERT_TRUE(WriteFrame(pair.left.get(), "none").ok());
  ASSERT_TRUE(WriteFrame(pair.left.get(), "two", {pipes[0][1], pipes[1][1]}).ok());
  ASSERT_TRUE(WriteFrame(pair.left.get(), "none again").ok());
  FrameReader reader(pair.right.get());
  EXPECT_TRUE(reader.Read()->descriptors.empty());
  absl::StatusOr<Frame> frame = reader.Read();
  ASSERT_TRUE(frame.ok());
  ASSERT_EQ(frame->descriptors.size(), 2u);
  EXPECT_TRUE(reader.Read()->descriptors.empty());
  for (int i = 0; i < 2; ++i) {
    const int fd = frame->descriptors[i].get();
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    const char sent = static_cast<char>('a' + i);
    EXPECT_EQ(::write(fd, &sent, 1), 1);
    char got = 0;
    EXPECT_EQ(::read(pipes[i][0], &got, 1), 1);
    EXPECT_EQ(got, sent);
    ::close(pipes[i][0]);
    ::close(pipes[i][1]);
  }
}

TEST(FrameTest, TooManyDescriptorsAreRefusedOnBothSides) {
  Pair pair;
  const std::vector<int> many(kMaxFrameDescriptors + 1, 0);
  EXPECT_EQ(WriteFrame(pair.left.get(), "x", many).code(), absl::StatusCode::kInvalidArgument);
  // The most that one message may carry, twice in one frame.
  const std::vector<int> most(kMaxFrameDescriptors, 0);
  const std::string bytes = Header(2) + "x";
  for (const std::string& part : {bytes, std::string("y")}) {
    iovec data = {const_cast<char*>(part.data()), part.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(kMaxFrameDescriptors * sizeof(int))] = {};
    msghdr message = {};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(most.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), most.data(), most.size() * sizeof(int));
    ASSERT_GT(::sendmsg(pair.left.get(), &message, 0), 0);
  }
  EXPECT_EQ(FrameReader(pair.right.get()).Poll().status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(FrameTest, DescriptorsOfAnUnfinishedFrameAreClosedWithTheReader) {
  Pair pair;
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  // The writer times out inside the frame: the reader gets the descriptor.
  ASSERT_EQ(WriteFrame(pair.left.get(), std::string(kMaxFrameBytes, 'x'), {ends[1]},
                       absl::Milliseconds(5))
                .code(),
            absl::StatusCode::kDeadlineExceeded);
  ::close(ends[1]);
  {
    FrameReader reader(pair.right.get());
    ASSERT_FALSE(reader.Poll()->has_value());
  }
  char byte = 0;
  EXPECT_EQ(::read(ends[0], &byte, 1), 0) << "the write end is still open";
  ::close(ends[0]);
}

// A signal without SA_RESTART interrupts poll() and sendmsg() all the time.
TEST(FrameTest, SignalsDoNotDisturb) {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  struct sigaction before = {};
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  Pair pair;
  constexpr int kFrameCount = 200;
  std::thread reader_thread([&] {
    FrameReader reader(pair.right.get());
    for (int i = 0; i < kFrameCount; ++i) {
      absl::StatusOr<Frame> frame = reader.Read();
      ASSERT_TRUE(frame.ok()) << frame.status();
      EXPECT_EQ(frame->payload.size(), 100'000u);
    }
  });
  for (int i = 0; i < kFrameCount; ++i) {
    ::pthread_kill(reader_thread.native_handle(), SIGUSR1);
    EXPECT_TRUE(WriteFrame(pair.left.get(), std::string(100'000, 'x')).ok());
  }
  reader_thread.join();
  ASSERT_EQ(::sigaction(SIGUSR1, &before, nullptr), 0);
}

}  // namespace
}  // namespace stressd::protocol
