// Series that stop when they know enough, and findings that are run again.

#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "client/fake_daemon.h"
#include "client/hit_rate.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace stressd::client {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

int64_t ThreadsOf(const v1::RunSpec& spec) {
  int64_t threads = 0;
  const auto found = spec.parameters().find("threads");
  if (found != spec.parameters().end()) (void)absl::SimpleAtoi(found->second, &threads);
  return threads;
}

class ReproTest : public FakeDaemonTest {
 protected:
  // Makes the run that showed findings/1 first, and asks no more of it.
  void ShowFinding(const std::string& threads) {
    ASSERT_EQ(Execute({"run", "thread-churn", "--seed=7", "--flavor=asan", "--host=resident",
                       "--param=threads=" + threads, "-q"})
                  .code,
              1);
    findings_.first_run = "runs/1";
  }
};

TEST_F(ReproTest, RunsTheSameAgainInFreshHostsAndCountsTheFindingOnly) {
  runs_.finding_of = [](const v1::RunSpec&) { return std::string("findings/1"); };
  ShowFinding("4");
  // 1 is the run that is read back, 2 to 13 are the repetitions: the multiples of
  // three show another finding, those of four none.
  int64_t count = 0;
  runs_.finding_of = [&count](const v1::RunSpec&) {
    ++count;
    if (count % 3 == 0) return std::string("findings/2");
    return std::string(count % 4 == 0 ? "" : "findings/1");
  };
  const Result result = Execute({"repro", "1", "--times=12", "-q"});
  EXPECT_EQ(result.code, 1);
  const std::vector<v1::CreateRunRequest> requests = runs_.requests();
  ASSERT_EQ(requests.size(), 13u);
  for (size_t i = 1; i < requests.size(); ++i) {
    EXPECT_EQ(requests[i].spec().seed(), 7u);
    EXPECT_EQ(requests[i].spec().flavor(), "asan");
    EXPECT_EQ(requests[i].spec().host_kind(), v1::FRESH);
    EXPECT_EQ(ThreadsOf(requests[i].spec()), 4);
  }
  EXPECT_THAT(result.out, HasSubstr("MEDIAN TIME TO HIT"));
  EXPECT_THAT(result.out, ContainsRegex("findings/1 +thread-churn +asan +12 +6 +0.5 .* 4\n"));
  EXPECT_THAT(result.out, HasSubstr("repeat   stressctl run thread-churn --seed=7"));
}

TEST_F(ReproTest, MinimisingKeepsTheSmallestThatStillShowsIt) {
  runs_.finding_of = [](const v1::RunSpec& spec) {
    return std::string(ThreadsOf(spec) >= 3 ? "findings/1" : "");
  };
  ShowFinding("40");
  const Result result = Execute({"repro", "findings/1", "--times=4", "--minimise", "-q"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.out, HasSubstr("threads 40 → 1"));
  EXPECT_THAT(result.out, HasSubstr("not kept"));
  EXPECT_THAT(result.out, HasSubstr("The smallest that still shows it"));
  EXPECT_EQ(ThreadsOf(runs_.requests().back().spec()), 3);
}

TEST_F(ReproTest, MinimisingDropsAPlanThatIsNotNeeded) {
  runs_.finding_of = [](const v1::RunSpec&) { return std::string("findings/1"); };
  ASSERT_EQ(Execute({"run", "thread-churn", "--plan=pct;signals", "-q"}).code, 1);
  EXPECT_EQ(runs_.requests().back().spec().plan(), "pct;signals");
  findings_.first_run = "runs/1";
  const Result result = Execute({"repro", "1", "--times=4", "--minimise", "-q"});
  EXPECT_THAT(result.out, HasSubstr("plan pct;signals → none"));
  EXPECT_EQ(runs_.requests().back().spec().plan(), "none");
}

TEST_F(ReproTest, MinimisingDropsThePartsOfAPlanThatAreNotNeeded) {
  runs_.finding_of = [](const v1::RunSpec& spec) {
    return std::string(spec.plan().find("pct") == std::string::npos ? "" : "findings/1");
  };
  ASSERT_EQ(Execute({"run", "thread-churn", "--plan=uniform;pct;signals", "-q"}).code, 1);
  findings_.first_run = "runs/1";
  const Result result = Execute({"repro", "1", "--times=4", "--minimise", "-q"});
  EXPECT_THAT(result.out, HasSubstr("plan uniform;pct;signals → none"));
  EXPECT_THAT(result.out, HasSubstr("not kept"));
  EXPECT_EQ(runs_.requests().back().spec().plan(), "pct");
}

TEST_F(ReproTest, WhatDoesNotShowIsNotMinimised) {
  runs_.finding_of = [](const v1::RunSpec&) { return std::string("findings/1"); };
  ShowFinding("4");
  runs_.finding_of = nullptr;
  const Result result = Execute({"repro", "1", "--times=3", "--minimise", "-q"});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.err, HasSubstr("not minimised: 0 hits per run are below --floor=0.5"));
  EXPECT_EQ(runs_.requests().size(), 4u);
}

TEST_F(ReproTest, ADeletedRunLeavesItsLine) {
  findings_.first_run = "runs/99";
  const Result result = Execute({"repro", "1"});
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, HasSubstr("stressctl run thread-churn --seed=7"));
  EXPECT_TRUE(runs_.requests().empty());
  EXPECT_NE(Execute({"repro", "2"}).code, 0);
}

TEST_F(ReproTest, ASeriesEndsWhenTheRateIsExcluded) {
  const Result result = Execute(
      {"run", "thread-churn", "--flavor=plain,asan", "--rate=0.5", "--until-confidence=0.9", "-q"});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(runs_.requests().size(), 2 * static_cast<size_t>(RunsToExclude(0.5, 0.9)));
  EXPECT_THAT(result.out, HasSubstr("asan: a rate of 0.5 per run is excluded"));
  EXPECT_THAT(result.out, HasSubstr("plain: a rate of 0.5 per run is excluded"));
}

TEST_F(ReproTest, ASeriesEndsWhenTheRateIsEstablished) {
  runs_.finding_of = [](const v1::RunSpec&) { return std::string("findings/1"); };
  const Result result =
      Execute({"run", "thread-churn", "--rate=0.5", "--until-confidence=0.9", "-q"});
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(runs_.requests().size(), 4u);
  EXPECT_THAT(result.out, HasSubstr("a rate of 0.5 per run or more is established"));
}

TEST_F(ReproTest, ASeriesThatMayNotGoOnSaysWhatWouldDo) {
  const Result result = Execute(
      {"run", "thread-churn", "--rate=0.01", "--until-confidence=0.99", "--repeat=5", "-q"});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(runs_.requests().size(), 5u);
  EXPECT_THAT(result.out, HasSubstr("neither excluded nor established"));
  EXPECT_THAT(result.out, HasSubstr("459 runs without a hit would exclude it"));
}

TEST_F(ReproTest, BadFlagsAreUsageErrors) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"run", "thread-churn", "--rate=0.5"},
           {"run", "thread-churn", "--until-confidence=0.9"},
           {"run", "thread-churn", "--rate=0", "--until-confidence=0.9"},
           {"run", "thread-churn", "--rate=0.5", "--until-confidence=1"},
           {"repro", "1", "--times=0"},
           {"repro", "1", "--floor=0.5"},
           {"repro"}}) {
    const Result result = Execute(arguments);
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_FALSE(result.err.empty());
  }
  EXPECT_TRUE(runs_.requests().empty());
}

}  // namespace
}  // namespace stressd::client
