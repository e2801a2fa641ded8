#include "client/text.h"

#include <cstdint>
#include <limits>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace stressd::client {
namespace {

TEST(TextTest, DurationsHaveThreeDigits) {
  EXPECT_EQ(DurationText(absl::ZeroDuration()), "0s");
  EXPECT_EQ(DurationText(absl::Microseconds(12.5)), "12.5us");
  EXPECT_EQ(DurationText(absl::Milliseconds(340)), "340ms");
  EXPECT_EQ(DurationText(absl::Milliseconds(1250)), "1.25s");
  EXPECT_EQ(DurationText(absl::Seconds(7383)), "2h3m3s");
}

TEST(TextTest, DurationsSurviveTheProtocol) {
  for (absl::Duration duration :
       {absl::ZeroDuration(), absl::Nanoseconds(1), absl::Milliseconds(1500), absl::Hours(9000)}) {
    EXPECT_EQ(ToDuration(FromDuration(duration)), duration);
  }
}

TEST(TextTest, CountsAreGrouped) {
  EXPECT_EQ(CountText(0), "0");
  EXPECT_EQ(CountText(999), "999");
  EXPECT_EQ(CountText(1000), "1,000");
  EXPECT_EQ(CountText(-1234567), "-1,234,567");
  EXPECT_EQ(CountText(std::numeric_limits<int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(TextTest, BytesUseBinaryUnits) {
  EXPECT_EQ(BytesText(0), "0 B");
  EXPECT_EQ(BytesText(1023), "1023 B");
  EXPECT_EQ(BytesText(1536), "1.5 KiB");
  EXPECT_EQ(BytesText(int64_t{3} << 30), "3.0 GiB");
}

TEST(TextTest, AnUnknownVerdictIsShownByItsNumber) {
  EXPECT_EQ(VerdictCell(static_cast<v1::Verdict>(77)).text, "verdict 77");
}

TEST(TextTest, ResourceNamesTakeNumbersAndNames) {
  EXPECT_EQ(ResourceName("runs", "12"), "runs/12");
  EXPECT_EQ(ResourceName("runs", "runs/12"), "runs/12");
}

}  // namespace
}  // namespace stressd::client
