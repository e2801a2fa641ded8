#include "client/hit_rate.h"

#include <cmath>

#include "gtest/gtest.h"

namespace stressd::client {
namespace {

TEST(HitRateTest, AgreesWithPublishedIntervals) {
  // Newcombe 1998, table I, method 3.
  const struct {
    HitRate seen;
    double low, high;
  } kRows[] = {{{81, 263}, 0.2553, 0.3662}, {{15, 148}, 0.0624, 0.1605}, {{1, 29}, 0.0061, 0.1718}};
  for (const auto& row : kRows) {
    const RateInterval interval = IntervalOf(row.seen, 0.95);
    EXPECT_NEAR(interval.low, row.low, 5e-5) << row.seen.hit_count;
    EXPECT_NEAR(interval.high, row.high, 5e-5) << row.seen.hit_count;
  }
}

TEST(HitRateTest, WithoutHitsItIsTheRuleOfThree) {
  for (const int64_t runs : {30, 300, 30'000}) {
    const RateInterval interval = IntervalOf({0, runs}, 0.95);
    EXPECT_EQ(interval.low, 0);
    EXPECT_NEAR(interval.high * static_cast<double>(runs), 3, 0.15);
    // What the bound says: so rare a problem hides with probability 5 %.
    EXPECT_NEAR(std::pow(1 - interval.high, static_cast<double>(runs)), 0.05, 1e-9);
  }
  EXPECT_NEAR(IntervalOf({30, 30}, 0.95).low, 1 - IntervalOf({0, 30}, 0.95).high, 1e-12);
}

TEST(HitRateTest, NothingRunSaysNothing) {
  EXPECT_EQ(IntervalOf({0, 0}, 0.95).low, 0);
  EXPECT_EQ(IntervalOf({0, 0}, 0.95).high, 1);
  EXPECT_EQ(JudgeRate({0, 0}, 0.5, 0.95), RateJudgement::kOpen);
  EXPECT_EQ(JudgeRate({0, 0}, 1, 0.95), RateJudgement::kOpen);
}

TEST(HitRateTest, MoreConfidenceIsAWiderInterval) {
  const RateInterval usual = IntervalOf({5, 50}, 0.95);
  const RateInterval wide = IntervalOf({5, 50}, 0.99);
  EXPECT_LT(wide.low, usual.low);
  EXPECT_GT(wide.high, usual.high);
}

TEST(HitRateTest, ARateIsExcludedOrEstablished) {
  // 0.98^227 = 0.0102, 0.98^228 = 0.00999.
  EXPECT_EQ(JudgeRate({0, 227}, 0.02, 0.99), RateJudgement::kOpen);
  EXPECT_EQ(JudgeRate({0, 228}, 0.02, 0.99), RateJudgement::kExcluded);
  EXPECT_EQ(JudgeRate({3, 10}, 0.05, 0.95), RateJudgement::kEstablished);
  EXPECT_EQ(JudgeRate({1, 20}, 0.05, 0.95), RateJudgement::kOpen);
  EXPECT_EQ(JudgeRate({1, 400}, 0.05, 0.95), RateJudgement::kExcluded);
}

TEST(HitRateTest, RunsToExcludeIsTheFirstThatDoes) {
  EXPECT_EQ(RunsToExclude(0.02, 0.99), 228);
  EXPECT_EQ(RunsToExclude(0.99, 0.5), 1);
  for (const double rate : {0.5, 0.03, 0.0004}) {
    const int64_t runs = RunsToExclude(rate, 0.95);
    EXPECT_EQ(JudgeRate({0, runs}, rate, 0.95), RateJudgement::kExcluded);
    if (runs > 1) {
      EXPECT_EQ(JudgeRate({0, runs - 1}, rate, 0.95), RateJudgement::kOpen);
    }
  }
}

}  // namespace
}  // namespace stressd::client
