#include "stressd/daemon/runs/run.h"

#include "gtest/gtest.h"

namespace stressd::runs {
namespace {

TEST(VerdictTest, NamesGoBothWaysAndExitCodesFollowTheTable) {
  for (int i = 1; i <= 9; ++i) {
    const auto verdict = static_cast<Verdict>(i);
    EXPECT_EQ(VerdictFromName(VerdictName(verdict)), verdict);
  }
  EXPECT_FALSE(VerdictFromName("UNSPECIFIED").has_value());
  EXPECT_FALSE(VerdictFromName("passed").has_value());
  EXPECT_EQ(ExitCodeOf(Verdict::kPassed), 0);
  EXPECT_EQ(ExitCodeOf(Verdict::kHung), 1);
  EXPECT_EQ(ExitCodeOf(Verdict::kError), 3);
  EXPECT_EQ(ExitCodeOf(Verdict::kCancelled), 5);
  EXPECT_EQ(ExitCodeOf(Verdict::kTimedOut), 6);
  EXPECT_EQ(ExitCodeOf(Verdict::kInconclusive), 7);
}

TEST(RunTest, TheRepeatLineHoldsAllThatMattersAndIsSafeInAShell) {
  RunRecord run;
  run.spec.scenario = "thread-churn";
  run.spec.flavor = "tsan";
  run.spec.host_kind = HostKind::kFresh;
  run.spec.seed = 7;
  run.spec.parameters = {{"threads", "4"}, {"word", "it's; rm"}};
  run.spec.duration = absl::Milliseconds(1500);
  EXPECT_EQ(RepeatCommandLine(run),
            "stressctl run thread-churn --flavor=tsan --host=fresh --seed=7 "
            "--param=threads=4 --param='word=it'\\''s; rm' --duration=1.5s");
}

TEST(RunTest, TheRepeatLineHoldsThePlanUnlessThereIsNone) {
  RunRecord run;
  run.spec.scenario = "churn";
  run.spec.plan = "none";
  EXPECT_EQ(RepeatCommandLine(run), "stressctl run churn --flavor=plain");
  run.spec.plan = "pct:depth=3;signals:period_us=500";
  EXPECT_EQ(RepeatCommandLine(run),
            "stressctl run churn --flavor=plain --plan='pct:depth=3;signals:period_us=500'");
}

TEST(RunTest, BoundedTextKeepsBothEnds) {
  EXPECT_EQ(BoundedText("short", 100), "short");
  const std::string text = std::string(500, 'a') + std::string(500, 'z');
  const std::string bounded = BoundedText(text, 200);
  EXPECT_LE(bounded.size(), 200u);
  EXPECT_EQ(bounded.substr(0, 3), "aaa");
  EXPECT_EQ(bounded.substr(bounded.size() - 3), "zzz");
  EXPECT_NE(bounded.find("bytes left out"), std::string::npos);
  EXPECT_LE(BoundedText(text, 10).size(), 10u);
}

}  // namespace
}  // namespace stressd::runs
