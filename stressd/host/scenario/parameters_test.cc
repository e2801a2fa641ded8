#include "stressd/host/scenario/parameters.h"

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace stressd::host {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::string_view kShapes[] = {"chain", "ring"};
constexpr ParameterSpec kSpecs[] = {
    IntParameter("threads", 4, 1, 64, "Threads at work."),
    DoubleParameter("share", 0.5, 0.0, 1.0, "Share handed over."),
    BoolParameter("warm", true, "Whether to warm up."),
    DurationParameter("pause", absl::Milliseconds(1), absl::ZeroDuration(), absl::Seconds(10),
                      "Time between rounds."),
    ChoiceParameter("shape", "ring", kShapes, "Who hands to whom."),
};

std::string ErrorOf(const std::string& name, const std::string& text) {
  const auto parameters = Parameters::Parse(kSpecs, {{name, text}});
  if (parameters.ok()) return "accepted";
  EXPECT_EQ(parameters.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(parameters.status().message());
}

TEST(ParametersTest, DefaultsHoldWhereNothingIsGiven) {
  const auto parameters = Parameters::Parse(kSpecs, {});
  ASSERT_TRUE(parameters.ok());
  EXPECT_EQ(parameters->GetInt("threads"), 4);
  EXPECT_EQ(parameters->GetDouble("share"), 0.5);
  EXPECT_TRUE(parameters->GetBool("warm"));
  EXPECT_EQ(parameters->GetDuration("pause"), absl::Milliseconds(1));
  EXPECT_EQ(parameters->GetChoice("shape"), "ring");
}

TEST(ParametersTest, EveryTypeIsParsed) {
  const auto parameters = Parameters::Parse(kSpecs, {{"threads", "64"},
                                                     {"share", "1e-3"},
                                                     {"warm", "false"},
                                                     {"pause", "2.5s"},
                                                     {"shape", "chain"}});
  ASSERT_TRUE(parameters.ok()) << parameters.status().message();
  EXPECT_EQ(parameters->GetInt("threads"), 64);
  EXPECT_EQ(parameters->GetDouble("share"), 1e-3);
  EXPECT_FALSE(parameters->GetBool("warm"));
  EXPECT_EQ(parameters->GetDuration("pause"), absl::Milliseconds(2500));
  EXPECT_EQ(parameters->GetChoice("shape"), "chain");
}

TEST(ParametersTest, ErrorsNameParameterValueAndRange) {
  EXPECT_EQ(ErrorOf("threads", "65"),
            "parameter \"threads\": value \"65\" is not a whole number from 1 "
            "to 64");
  EXPECT_EQ(ErrorOf("pause", "-1s"),
            "parameter \"pause\": value \"-1s\" is not a duration from 0 to "
            "10s");
  EXPECT_EQ(ErrorOf("shape", "star"),
            "parameter \"shape\": value \"star\" is not one of chain, ring");
  EXPECT_EQ(ErrorOf("warm", "maybe"), "parameter \"warm\": value \"maybe\" is not true or false");
  EXPECT_THAT(ErrorOf("thread", "1"), AllOf(HasSubstr("\"thread\" does not exist"),
                                            HasSubstr("threads, share, warm, pause, shape")));
}

TEST(ParametersTest, RangesIncludeTheirEndsOnly) {
  EXPECT_EQ(ErrorOf("threads", "1"), "accepted");
  EXPECT_EQ(ErrorOf("threads", "64"), "accepted");
  EXPECT_NE(ErrorOf("threads", "0"), "accepted");
  EXPECT_EQ(ErrorOf("share", "0"), "accepted");
  EXPECT_EQ(ErrorOf("share", "1"), "accepted");
  EXPECT_NE(ErrorOf("share", "1.0000001"), "accepted");
  EXPECT_EQ(ErrorOf("pause", "10s"), "accepted");
  EXPECT_NE(ErrorOf("pause", "10.000000001s"), "accepted");
}

TEST(ParametersTest, OverflowAndNonsenseAreRefused) {
  for (const char* text : {"18446744073709551617", "9223372036854775808", "-9223372036854775809",
                           "4.0", "4x", "", " ", "0x4", "four", "1e2", "--4"}) {
    EXPECT_NE(ErrorOf("threads", text), "accepted") << text;
  }
  for (const char* text : {"nan", "inf", "-inf", "1e999", "", "0.5x"}) {
    EXPECT_NE(ErrorOf("share", text), "accepted") << text;
  }
  for (const char* text : {"inf", "99999999999999999999h", "5", "1 second", ""}) {
    EXPECT_NE(ErrorOf("pause", text), "accepted") << text;
  }
}

TEST(ParametersTest, TextsParseBackToTheSameValues) {
  const auto parameters = Parameters::Parse(
      kSpecs, {{"share", "0.123456789012345678"}, {"pause", "1.000000001s"}, {"threads", "7"}});
  ASSERT_TRUE(parameters.ok());
  const ParameterTexts texts = parameters->Texts();
  EXPECT_EQ(texts.size(), 5u);
  const auto again = Parameters::Parse(kSpecs, texts);
  ASSERT_TRUE(again.ok()) << again.status().message();
  EXPECT_EQ(again->GetDouble("share"), parameters->GetDouble("share"));
  EXPECT_EQ(again->GetDuration("pause"), parameters->GetDuration("pause"));
  EXPECT_EQ(again->GetInt("threads"), 7);
}

TEST(ParametersDeathTest, ReadingWhatIsNotDeclaredDies) {
  const auto parameters = Parameters::Parse(kSpecs, {});
  ASSERT_TRUE(parameters.ok());
  EXPECT_DEATH(parameters->GetInt("thread"), "P2: no parameter \"thread\"");
  EXPECT_DEATH(parameters->GetInt("share"), "P2: no parameter \"share\"");
}

}  // namespace
}  // namespace stressd::host
