#include "client/command_line.h"

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/fake_daemon.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"

namespace stressd::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using CommandLineTest = FakeDaemonTest;

TEST_F(CommandLineTest, APassedRunExitsWithZeroAndShowsItsCounters) {
  const Result result = Execute({"run", "thread-churn", "--seed=7", "--param=threads=4"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("PASSED"));
  EXPECT_THAT(result.out, HasSubstr("12,345"));
  EXPECT_THAT(result.out, Not(HasSubstr("repeat ")));
  ASSERT_EQ(runs_.requests().size(), 1u);
  EXPECT_EQ(runs_.requests()[0].spec().seed(), 7u);
  EXPECT_EQ(runs_.requests()[0].spec().parameters().at("threads"), "4");
  EXPECT_FALSE(runs_.requests()[0].request_id().empty());
}

TEST_F(CommandLineTest, TheLastLineOfAFailedRunRepeatsIt) {
  runs_.verdicts[7] = v1::VIOLATION;
  const Result result = Execute({"run", "thread-churn", "--seed=7"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.out, HasSubstr("reference-balance: 10 before, 11 after"));
  const std::vector<std::string> lines = absl::StrSplit(result.out, '\n', absl::SkipEmpty());
  EXPECT_EQ(lines.back(), "repeat   stressctl run thread-churn --seed=7");
}

TEST_F(CommandLineTest, ARepeatedRunCountsItsSeedsUpAndShowsTheInterval) {
  runs_.verdicts[102] = v1::HUNG;
  const Result result = Execute(
      {"run", "thread-churn", "--flavor=plain,tsan", "--seed=101", "--repeat=4", "--parallel=3"});
  EXPECT_EQ(result.code, 1);
  const auto requests = runs_.requests();
  ASSERT_EQ(requests.size(), 8u);
  EXPECT_EQ(requests[3].spec().seed(), 104u);
  EXPECT_EQ(requests[4].spec().seed(), 101u);
  EXPECT_EQ(requests[4].spec().flavor(), "tsan");
  EXPECT_THAT(result.out, HasSubstr("0.25"));
  EXPECT_THAT(result.out, HasSubstr("[0.0456, 0.699]")) << "Wilson, 1 of 4";
  EXPECT_THAT(result.out, HasSubstr("3 PASSED, 1 HUNG"));
}

TEST_F(CommandLineTest, APresetIsOverriddenByParameters) {
  const Result result =
      Execute({"run", "thread-churn", "--preset=smoke", "--param=rounds=9", "--dry-run"});
  EXPECT_EQ(result.code, 0) << result.err;
  const auto requests = runs_.requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_TRUE(requests[0].validate_only());
  EXPECT_EQ(requests[0].spec().parameters().at("threads"), "3");
  EXPECT_EQ(requests[0].spec().parameters().at("rounds"), "9");
  EXPECT_EQ(Execute({"run", "thread-churn", "--preset=smok"}).code, 2);
}

TEST_F(CommandLineTest, NdjsonIsOneFinishedRunALine) {
  runs_.verdicts[2] = v1::CANCELLED;
  const Result result = Execute({"-o", "ndjson", "run", "thread-churn", "--seed=1", "--repeat=2"});
  EXPECT_EQ(result.code, 5);
  const std::vector<std::string> lines = absl::StrSplit(result.out, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 2u);
  v1::Run run;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(lines[1], &run).ok());
  EXPECT_EQ(run.verdict(), v1::CANCELLED);
}

TEST_F(CommandLineTest, JsonListsReadEveryPage) {
  const Result result = Execute({"runs", "list", "-o", "json"});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out, HasSubstr("runs/1"));
  EXPECT_THAT(result.out, HasSubstr("runs/2"));
  EXPECT_EQ(result.out.front(), '[');
}

TEST_F(CommandLineTest, ARefusedRequestIsAUsageErrorWithTheDaemonsWords) {
  const Result result = Execute({"run", "nothing"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("spec.scenario: 'nothing' is unknown"));
  EXPECT_EQ(result.out, "");
}

TEST_F(CommandLineTest, BadFlagsAreUsageErrorsThatNameTheValue) {
  const std::vector<std::vector<std::string>> cases = {
      {"run", "x", "--duration=-3s"},
      {"run", "x", "--duration=soon"},
      {"run", "x", "--seed=18446744073709551616"},
      {"run", "x", "--seed=-1"},
      {"run", "x", "--repeat=0"},
      {"run", "x", "--host=cloud"},
      {"run", "x", "--param=threads"},
      {"run"},
      {"runs", "list", "--state=asleep"},
      {"-o", "yaml", "status"},
      {"counters", "--interval=1ms"},
      {"soak", "start", "/does/not/exist"},
      {"lst"},
  };
  for (const auto& arguments : cases) {
    const Result result = Execute(arguments);
    EXPECT_EQ(result.code, 2) << arguments.back();
    EXPECT_EQ(result.out, "") << arguments.back();
    const std::string value = arguments.back().substr(arguments.back().find('=') + 1);
    if (arguments.back().find('=') != std::string::npos) {
      EXPECT_THAT(result.err, HasSubstr(value));
    }
  }
}

TEST_F(CommandLineTest, AnUnreachableDaemonHasItsOwnExitCode) {
  address_ = absl::StrCat("unix:", folder_, "/nobody");
  const Result result = Execute({"status"});
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, HasSubstr("nobody"));
}

TEST_F(CommandLineTest, WatchingCountersEndsAfterTheSamplesAskedFor) {
  const Result result =
      Execute({"-o", "ndjson", "counters", "--watch", "--interval=100ms", "--samples=3"});
  EXPECT_EQ(result.code, 0) << result.err;
  const std::vector<std::string> lines = absl::StrSplit(result.out, '\n', absl::SkipEmpty());
  EXPECT_EQ(lines.size(), 3u);
}

TEST_F(CommandLineTest, ASoakPlanIsTextProtoAndItsErrorsHaveAPlace) {
  const std::string path = absl::StrCat(folder_, "/plan");
  std::ofstream(path) << "plan_id: \"nightly\"\nentries { scenario: \"thread-churn\" }\n";
  const Result good = Execute({"soak", "start", path});
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("nightly"));
  std::ofstream(path) << "plan_id: \"nightly\"\nentrys { }\n";
  const Result bad = Execute({"soak", "start", path});
  EXPECT_EQ(bad.code, 2);
  EXPECT_THAT(bad.err, HasSubstr("plan:2:8:"));
  unlink(path.c_str());
}

TEST_F(CommandLineTest, HelpAndVersionAreResults) {
  const Result help = Execute({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, HasSubstr("Exit codes"));
  const Result version = Execute({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_THAT(version.out, HasSubstr("build "));
}

}  // namespace
}  // namespace stressd::client
