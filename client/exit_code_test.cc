#include "client/exit_code.h"

#include <grpcpp/support/status.h>

#include "gtest/gtest.h"

namespace stressd::client {
namespace {

TEST(ExitCodeTest, EveryVerdictHasItsCode) {
  EXPECT_EQ(ExitCodeOf(v1::PASSED), 0);
  for (v1::Verdict found : {v1::VIOLATION, v1::SANITIZER_REPORT, v1::CRASHED, v1::HUNG}) {
    EXPECT_EQ(ExitCodeOf(found), 1) << v1::Verdict_Name(found);
  }
  EXPECT_EQ(ExitCodeOf(v1::ERROR), 3);
  EXPECT_EQ(ExitCodeOf(v1::CANCELLED), 5);
  EXPECT_EQ(ExitCodeOf(v1::TIMED_OUT), 6);
  EXPECT_EQ(ExitCodeOf(v1::INCONCLUSIVE), 7);
  EXPECT_EQ(ExitCodeOf(static_cast<v1::Verdict>(77)), 1) << "unknown: treat as found";
}

TEST(ExitCodeTest, TheWorstRunDecides) {
  EXPECT_EQ(CombineExitCodes({}), 0);
  EXPECT_EQ(CombineExitCodes({0, 7, 0}), 7);
  EXPECT_EQ(CombineExitCodes({7, 5, 0}), 5);
  EXPECT_EQ(CombineExitCodes({5, 6}), 6);
  EXPECT_EQ(CombineExitCodes({6, 3}), 3);
  EXPECT_EQ(CombineExitCodes({3, 1, 0, 7}), 1);
}

TEST(ExitCodeTest, CallsThatFailTellUsageFromTransport) {
  EXPECT_EQ(ExitCodeOf(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "")), 2);
  EXPECT_EQ(ExitCodeOf(grpc::Status(grpc::StatusCode::NOT_FOUND, "")), 2);
  EXPECT_EQ(ExitCodeOf(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "")), 3);
  EXPECT_EQ(ExitCodeOf(grpc::Status(grpc::StatusCode::UNAVAILABLE, "")), 4);
  EXPECT_EQ(ExitCodeOf(grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "")), 6);
}

}  // namespace
}  // namespace stressd::client
