#include "stressd/daemon/runs/repetition.h"

#include "gtest/gtest.h"

namespace stressd::runs {
namespace {

TEST(WilsonIntervalTest, AgreesWithPublishedValues) {
  // Newcombe 1998, table I, method 3: 81/263, 15/148, 0/20, 1/29.
  const struct {
    int64_t hits, runs;
    double low, high;
  } kRows[] = {{81, 263, 0.2553, 0.3662},
               {15, 148, 0.0624, 0.1605},
               {0, 20, 0.0000, 0.1611},
               {1, 29, 0.0061, 0.1718}};
  for (const auto& row : kRows) {
    const Interval interval = WilsonInterval(row.hits, row.runs);
    EXPECT_NEAR(interval.low, row.low, 5e-5) << row.hits << "/" << row.runs;
    EXPECT_NEAR(interval.high, row.high, 5e-5) << row.hits << "/" << row.runs;
  }
}

TEST(WilsonIntervalTest, NothingSeenSaysNothing) {
  EXPECT_EQ(WilsonInterval(0, 0).low, 0);
  EXPECT_EQ(WilsonInterval(0, 0).high, 1);
  EXPECT_EQ(WilsonInterval(5, 5).high, 1);
}

TEST(RepetitionStatisticsTest, LeavesOutRunsThatSayNothing) {
  const RepetitionStatistics statistics = ComputeStatistics({{Verdict::kPassed, 6},
                                                             {Verdict::kCrashed, 1},
                                                             {Verdict::kHung, 1},
                                                             {Verdict::kError, 50},
                                                             {Verdict::kCancelled, 50}},
                                                            absl::Seconds(4));
  EXPECT_EQ(statistics.run_count, 8);
  EXPECT_EQ(statistics.hit_count, 2);
  EXPECT_DOUBLE_EQ(statistics.hit_rate, 0.25);
  EXPECT_DOUBLE_EQ(statistics.hits_per_second, 0.5);
  EXPECT_DOUBLE_EQ(statistics.runs_per_second, 2);
}

}  // namespace
}  // namespace stressd::runs
