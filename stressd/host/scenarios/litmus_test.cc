// The litmus scenarios: a stride or two of each, in which nothing forbidden happens and
// every sample is counted.

#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "stressd/host/scenario/registry.h"
#include "stressd/host/scenarios/scenario_testing.h"

namespace stressd::host {
namespace {

std::vector<std::string> LitmusScenarios() {
  std::vector<std::string> names;
  for (const ScenarioDeclaration* scenario : Scenarios()) {
    if (scenario->name.starts_with("litmus-")) names.emplace_back(scenario->name);
  }
  return names;
}

class LitmusTest : public testing::TestWithParam<std::string> {};

TEST_P(LitmusTest, NothingForbiddenHappensAndEverySampleIsCounted) {
  const RunOutcome outcome = RunScenario(GetParam(), {{"strides", "1"}, {"patience", "0s"}}, 1);
  // So short a run on a busy machine need not reach everything.
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_TRUE(outcome.violations.empty()) << outcome.Complaints();
  const int64_t samples = outcome.measurements.at("samples_count");
  EXPECT_GE(samples, 256);
  int64_t counted = 0;
  for (const auto& [name, count] : outcome.measurements) {
    if (!name.ends_with("_count") || name == "samples_count" || name == "strides_count") continue;
    counted += count;
  }
  EXPECT_EQ(counted, samples);
}

INSTANTIATE_TEST_SUITE_P(All, LitmusTest, testing::ValuesIn(LitmusScenarios()),
                         [](const testing::TestParamInfo<std::string>& info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(LitmusScenarioTest, ARunThatNeverSawAnInterestingOutcomeSaysSo) {
  // One stride without patience cannot see a hand-over after 1 ms and a give-up, an
  // uncontended run none of them; whatever it saw, the run says what is missing.
  const RunOutcome outcome =
      RunScenario("litmus-lock-handover", {{"strides", "1"}, {"patience", "0s"}}, 1);
  EXPECT_TRUE(outcome.violations.empty()) << outcome.Complaints();
  int64_t missing = 0;
  for (const char* name : {"waited_count", "timed_out_count", "handed_over_count"}) {
    if (outcome.measurements.at(name) == 0) ++missing;
  }
  EXPECT_EQ(static_cast<int64_t>(outcome.unreached.size()), missing) << outcome.Complaints();
}

}  // namespace
}  // namespace stressd::host
