#include "stressd/protocol/message.h"

#include <sys/socket.h>

#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "stressd/protocol/frame.h"

namespace stressd::protocol {
namespace {

TEST(MessageTest, AMessageArrivesAsSent) {
  int fds[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  FileDescriptor left(fds[0]);
  FileDescriptor right(fds[1]);
  ToHost message;
  message.mutable_run()->set_run_id(7);
  message.mutable_run()->set_scenario("thread-churn");
  message.mutable_run()->set_seed(~uint64_t{0});
  (*message.mutable_run()->mutable_parameters())["threads"] = "4";
  ASSERT_TRUE(SendToHost(left.get(), message).ok());
  absl::StatusOr<Frame> frame = FrameReader(right.get()).Read();
  ASSERT_TRUE(frame.ok());
  absl::StatusOr<ToHost> got = ParseToHost(frame->payload);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->SerializeAsString(), message.SerializeAsString());
}

TEST(MessageTest, BytesThatAreNoMessageAreRefused) {
  EXPECT_EQ(ParseToHost("\xff\xff\xff garbage").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ParseToDaemon("\x0a\x7f").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(MessageTest, AMessageWithoutContentIsRefused) {
  EXPECT_EQ(ParseToHost("").status().code(), absl::StatusCode::kInvalidArgument);
  // Field 100, a varint: what a newer partner might say.
  EXPECT_EQ(ParseToDaemon("\xa0\x06\x01").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace stressd::protocol
