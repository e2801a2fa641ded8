// The six yardsticks: found, replayed, minimized; their correct versions silent.
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "stressd/explore/driver/campaign.h"
#include "stressd/explore/driver/investigation.h"

namespace explore {
namespace {

struct Yardstick {
  const char* name;
  Verdict verdict;
  uint64_t bound;
  MemoryModel model;
  uint64_t preemptions;  // What the bug needs.
};

std::ostream& operator<<(std::ostream& out, const Yardstick& yardstick) {
  return out << yardstick.name;
}

constexpr Yardstick kYardsticks[] = {
    {"r1_refcount", Verdict::kCrashed, 2000, MemoryModel::kSequential, 2},
    {"r2_order", Verdict::kDataRace, 2000, MemoryModel::kSequential, 0},
    {"r3_abba", Verdict::kDeadlock, 2000, MemoryModel::kSequential, 1},
    {"r4_qsbr", Verdict::kCrashed, 2000, MemoryModel::kSequential, 1},
    {"r5_aba", Verdict::kCrashed, 20000, MemoryModel::kSequential, 2},
    {"r6_store_buffering", Verdict::kCrashed, 2000, MemoryModel::kTso, 3},
};

CampaignOptions OptionsFor(const std::string& name, MemoryModel model) {
  CampaignOptions options;
  options.command = {"stressd/explore/yardsticks/" + name};
  options.model = model;
  options.timeout_s = 30;
  return options;
}

class YardstickTest : public testing::TestWithParam<Yardstick> {};

TEST_P(YardstickTest, IsFoundReplayedAndMinimized) {
  const Yardstick& yardstick = GetParam();
  CampaignOptions options = OptionsFor(yardstick.name, yardstick.model);
  options.schedules = yardstick.bound;
  options.stop_at_first = true;
  CampaignResult result;
  for (const uint64_t seed : {1, 2, 3}) {
    options.seed = seed;
    result = RunCampaign(options);
    ASSERT_EQ(result.error, "");
    ASSERT_EQ(result.failed, 1u) << "base seed " << seed;
    EXPECT_EQ(result.findings[0].verdict, yardstick.verdict) << result.findings[0].message;
  }
  Target target(options.command, options.timeout_s);
  ASSERT_EQ(target.Start(), "");
  std::vector<Arm> arms;
  Learn(target, options, arms);
  const Investigation found = Investigate(target, options, result.findings[0], /*replays=*/30);
  EXPECT_EQ(found.replayed, 30u);
  EXPECT_LE(found.minimized.finding.preemptions, yardstick.preemptions);
  EXPECT_EQ(found.minimized.finding.verdict, yardstick.verdict);
  EXPECT_FALSE(found.pair.empty());
  std::string note;
  const Finding again = ReplayFile(target, options, found.file, note);
  EXPECT_EQ(again.verdict, yardstick.verdict);
  EXPECT_EQ(note, "");
}

TEST_P(YardstickTest, CorrectVersionIsSilent) {
  CampaignOptions options = OptionsFor(std::string(GetParam().name) + "_correct", GetParam().model);
  options.schedules = 1000;
  const CampaignResult result = RunCampaign(options);
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.schedules, 1000u);
  EXPECT_EQ(result.failed, 0u) << result.findings[0].message;
}

INSTANTIATE_TEST_SUITE_P(All, YardstickTest, testing::ValuesIn(kYardsticks),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(StoreBufferingTest, IsNoSequentiallyConsistentOutcome) {
  CampaignOptions options = OptionsFor("r6_store_buffering", MemoryModel::kSequential);
  options.schedules = 500;
  EXPECT_EQ(RunCampaign(options).failed, 0u);
}

}  // namespace
}  // namespace explore
