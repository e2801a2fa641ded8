#include "stressd/daemon/service/conversion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace stressd::service {
namespace {

using ::testing::HasSubstr;

TEST(ConversionTest, Utf8StaysAndEverythingElseIsReplaced) {
  const std::string good = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";
  EXPECT_EQ(ValidUtf8(good), good);
  const std::string bad = "\xef\xbf\xbd";
  EXPECT_EQ(ValidUtf8("\xff"), bad);
  EXPECT_EQ(ValidUtf8("a\xc3"), "a" + bad);               // Torn.
  EXPECT_EQ(ValidUtf8("\xc0\xaf"), bad + bad);            // Overlong.
  EXPECT_EQ(ValidUtf8("\xed\xa0\x80"), bad + bad + bad);  // Surrogate.
  EXPECT_EQ(ValidUtf8("\xf4\x90\x80\x80"), bad + bad + bad + bad);
  EXPECT_EQ(ValidUtf8(std::string("\0x", 2)), std::string("\0x", 2));
}

TEST(ConversionTest, DurationsKeepNanoseconds) {
  for (const absl::Duration duration :
       {absl::ZeroDuration(), absl::Nanoseconds(1), absl::Seconds(3) + absl::Nanoseconds(7),
        absl::Hours(24 * 365)}) {
    const auto back = FromDuration("d", ToDuration(duration));
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(*back, duration);
  }
  google::protobuf::Duration mixed;
  mixed.set_seconds(1);
  mixed.set_nanos(-1);
  EXPECT_FALSE(FromDuration("d", mixed).ok());
  mixed.set_nanos(1'000'000'000);
  EXPECT_FALSE(FromDuration("d", mixed).ok());
}

TEST(ConversionTest, SoakPlanInTextFormat) {
  const auto plan = ParseSoakPlan(R"(
    plan_id: "smoke"
    duration { seconds: 60 }
    entries {
      scenario: "thread-churn"
      flavors: "plain" flavors: "tsan"
      parameters { key: "threads" value: "4" }
      run_duration { nanos: 500000000 }
    }
  )");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->name, "smoke");
  EXPECT_EQ(plan->duration, absl::Minutes(1));
  EXPECT_EQ(plan->entries[0].weight, 1);
  EXPECT_EQ(plan->entries[0].flavors.size(), 2u);
  EXPECT_EQ(plan->entries[0].parameters.at("threads"), "4");
  EXPECT_EQ(plan->entries[0].run_duration, absl::Milliseconds(500));
  EXPECT_EQ(plan->entries[0].host_kind, runs::HostKind::kResident);
}

TEST(ConversionTest, BadSoakPlanNamesItsPlace) {
  const auto unknown = ParseSoakPlan("plan_id: \"x\"\nspeed: 3\n");
  ASSERT_FALSE(unknown.ok());
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr("line 2"));
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr("speed"));
  const auto negative = ParseSoakPlan("entries { run_duration { seconds: -1 } }");
  ASSERT_FALSE(negative.ok());
  EXPECT_THAT(std::string(negative.status().message()), HasSubstr("entries[0].run_duration"));
}

TEST(ConversionTest, ListsHaveNoTexts) {
  runs::RunRecord run;
  run.id = 3;
  run.state = runs::RunState::kFinished;
  run.outcome.report = "long \xff";
  run.outcome.counters = {{"attach", 2}};
  EXPECT_EQ(ToRun(run, false).result().report(), "");
  EXPECT_EQ(ToRun(run, true).result().report(), "long \xef\xbf\xbd");
  EXPECT_EQ(ToRun(run, false).result().counters().at("attach"), 2);
  EXPECT_FALSE(ToRun(run, false).result().host().has_exit_code());
}

}  // namespace
}  // namespace stressd::service
