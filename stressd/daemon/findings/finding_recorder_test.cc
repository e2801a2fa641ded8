#include "stressd/daemon/findings/finding_recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <string>
#include <vector>

namespace stressd::findings {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

runs::RunRecord RunWith(runs::Verdict verdict) {
  runs::RunRecord run;
  run.id = 12;
  run.spec.scenario = "thread-churn";
  run.spec.flavor = "tsan";
  run.spec.seed = 7;
  run.state = runs::RunState::kFinished;
  run.end_time = absl::FromUnixSeconds(1'700'000'000);
  run.outcome.verdict = verdict;
  run.outcome.build_id = "abc";
  return run;
}

TEST(FindingOfTest, OracleIsNamedByOracleAndScenario) {
  runs::RunRecord run = RunWith(runs::Verdict::kViolation);
  run.outcome.violations = {{"reference-balance", "expected 0, found 3", ""}};
  const Finding finding = FindingOf(run, nullptr);
  EXPECT_EQ(finding.tool, "oracle");
  EXPECT_EQ(finding.kind, "reference-balance");
  EXPECT_THAT(finding.frames, ElementsAre("scenario:thread-churn"));
  EXPECT_EQ(finding.first_run_id, 12);
  EXPECT_EQ(finding.first_seen_time, run.end_time);
  EXPECT_THAT(finding.repeat_command, testing::HasSubstr("thread-churn"));

  run.outcome.violations[0].message = "expected 0, found 77";
  EXPECT_EQ(FindingOf(run, nullptr).fingerprint, finding.fingerprint);
  run.spec.scenario = "fork-storm";
  EXPECT_NE(FindingOf(run, nullptr).fingerprint, finding.fingerprint);
}

TEST(FindingOfTest, CheckIsNamedByInvariantAndFileNotLine) {
  runs::RunRecord run = RunWith(runs::Verdict::kViolation);
  run.outcome.violations = {{"I1", "goal reached", "runtime/qsbr/qsbr.cc:12"}};
  const Finding finding = FindingOf(run, nullptr);
  EXPECT_EQ(finding.tool, "check");
  EXPECT_THAT(finding.frames, ElementsAre("runtime/qsbr/qsbr.cc"));
  run.outcome.violations[0].location = "/b/runtime/qsbr/qsbr.cc:99";
  EXPECT_EQ(FindingOf(run, nullptr).fingerprint, finding.fingerprint);
}

TEST(FindingOfTest, CrashIsNamedBySignalAndFrames) {
  runs::RunRecord run = RunWith(runs::Verdict::kCrashed);
  run.outcome.host.signal = SIGSEGV;
  run.outcome.report = "    @ 0x55d0  48  rt::Merge(rt::Object*)\n";
  const Finding finding = FindingOf(run, nullptr);
  EXPECT_EQ(finding.kind, "SIGSEGV");
  EXPECT_THAT(finding.frames, ElementsAre("rt::Merge"));
  EXPECT_EQ(finding.title, "SIGSEGV in rt::Merge");
  run.outcome.report.clear();
  EXPECT_THAT(FindingOf(run, nullptr).frames, ElementsAre("scenario:thread-churn"));
}

TEST(FindingOfTest, SanitizerExitWithoutTextIsStillAFinding) {
  runs::RunRecord run = RunWith(runs::Verdict::kSanitizerReport);
  run.outcome.summary = "the host left with exit code 66";
  const Finding finding = FindingOf(run, nullptr);
  EXPECT_EQ(finding.tool, "sanitizer");
  EXPECT_EQ(finding.kind, "the host left with exit code N");
}

// A race between two functions, as ThreadSanitizer prints it.
std::string Race(const std::string& one, const std::string& other) {
  return "==================\nWARNING: ThreadSanitizer: data race (pid=7)\n"
         "  Write of size 8 at 0x1 by thread T1:\n    #0 " +
         one +
         " runtime/a.cc:1:1 (x+0x1)\n\n  Previous write of size 8 at 0x1 by thread T2:\n    #0 " +
         other + " runtime/a.cc:2:1 (x+0x2)\n\nSUMMARY: ThreadSanitizer: data race\n";
}

TEST(FindingOfTest, EveryRaceIsAFindingByItsUnorderedPair) {
  runs::RunRecord run = RunWith(runs::Verdict::kSanitizerReport);
  run.outcome.report =
      Race("rt::A()", "rt::B()") + Race("rt::C()", "rt::B()") + Race("rt::B()", "rt::A()");
  const std::vector<Finding> findings = FindingsOf(run, nullptr);
  ASSERT_THAT(findings, SizeIs(2));
  EXPECT_THAT(findings[0].frames, ElementsAre("rt::A runtime/a.cc", "rt::B runtime/a.cc"));
  EXPECT_THAT(findings[1].frames, ElementsAre("rt::B runtime/a.cc", "rt::C runtime/a.cc"));
  // Each has its own report, with both stacks.
  EXPECT_THAT(findings[1].report, testing::HasSubstr("rt::C()"));
  EXPECT_THAT(findings[1].report, testing::Not(testing::HasSubstr("rt::A()")));
}

TEST(FindingOfTest, RacesAndViolationsDoNotHideEachOther) {
  runs::RunRecord run = RunWith(runs::Verdict::kSanitizerReport);
  run.outcome.report = Race("rt::A()", "rt::B()");
  run.outcome.violations = {{"heap-balance", "1", ""}};
  std::vector<Finding> findings = FindingsOf(run, nullptr);
  ASSERT_THAT(findings, SizeIs(2));
  EXPECT_EQ(findings[0].tool, "ThreadSanitizer");
  EXPECT_EQ(findings[1].kind, "heap-balance");
  EXPECT_EQ(findings[1].verdict, runs::Verdict::kViolation);
  // A broken invariant decides the run; the race before it is told as well.
  run.outcome.verdict = runs::Verdict::kViolation;
  findings = FindingsOf(run, nullptr);
  ASSERT_THAT(findings, SizeIs(2));
  EXPECT_EQ(findings[0].kind, "heap-balance");
  EXPECT_EQ(findings[1].verdict, runs::Verdict::kSanitizerReport);
}

TEST(FindingOfTest, ReportAndStacksAreKeptAndBounded) {
  runs::RunRecord run = RunWith(runs::Verdict::kHung);
  run.outcome.report = std::string(2 * kFindingReportBytesMax, 'r');
  run.outcome.stacks = "TID 1:\n#0  0x01 rt::Wait()\n";
  const Finding finding = FindingOf(run, nullptr);
  EXPECT_LE(finding.report.size(), kFindingReportBytesMax + 256);
  EXPECT_THAT(finding.report, testing::EndsWith("rt::Wait()\n"));
  EXPECT_THAT(finding.frames, ElementsAre("scenario:thread-churn", "rt::Wait"));
}

TEST(FingerprintTest, IsTheSameOnEveryMachine) {
  Finding finding;
  finding.tool = "ThreadSanitizer";
  finding.kind = "data race";
  finding.frames = {"a", "b"};
  const std::string fingerprint = Fingerprint(finding);
  EXPECT_THAT(fingerprint, SizeIs(16));
  EXPECT_EQ(fingerprint, "d993849677d8b500");
  finding.frames = {"ab"};
  EXPECT_NE(Fingerprint(finding), fingerprint);
}

class MemoryFindingStore final : public FindingStore {
 public:
  absl::StatusOr<int64_t> MergeFinding(const Finding& seen) override {
    return ids_.try_emplace(seen.fingerprint, ids_.size() + 1).first->second;
  }
  absl::StatusOr<Finding> GetFinding(int64_t) override { return absl::NotFoundError("none"); }
  absl::StatusOr<std::vector<Finding>> ListFindings(const FindingQuery&) override {
    return std::vector<Finding>();
  }

 private:
  std::map<std::string, int64_t> ids_;
};

TEST(FindingRecorderTest, SameProblemSameId) {
  MemoryFindingStore store;
  FindingRecorder recorder(&store, nullptr);
  runs::RunRecord run = RunWith(runs::Verdict::kViolation);
  run.outcome.violations = {{"reference-balance", "1", ""}};
  const auto first = recorder.Record(run);
  ASSERT_TRUE(first.ok());
  run.id = 13;
  EXPECT_EQ(recorder.Record(run).value(), *first);
  run.outcome.violations[0].rule = "heap-balance";
  EXPECT_NE(recorder.Record(run).value(), *first);
}

TEST(FindingRecorderTest, AKnownRaceDoesNotHideANewOne) {
  MemoryFindingStore store;
  FindingRecorder recorder(&store, nullptr);
  runs::RunRecord run = RunWith(runs::Verdict::kSanitizerReport);
  run.outcome.report = Race("rt::A()", "rt::B()");
  const int64_t known = recorder.Record(run).value().front();
  run.outcome.report += Race("rt::C()", "rt::D()");
  const std::vector<int64_t> both = recorder.Record(run).value();
  EXPECT_THAT(both, ElementsAre(testing::Gt(known), known));
  EXPECT_EQ(recorder.Record(run).value(), both);
}

// What the parser skips is what a bounded report has in its middle.
TEST(FindingRecorderTest, ABoundedReportNamesWhatIsWhole) {
  runs::RunRecord run = RunWith(runs::Verdict::kSanitizerReport);
  const std::string text = Race("rt::A()", "rt::B()") + Race("rt::C()", "rt::D()") +
                           Race("rt::E()", "rt::F()") + Race("rt::G()", "rt::H()");
  run.outcome.report = runs::BoundedText(text, text.size() - 40);
  for (const Finding& finding : FindingsOf(run, nullptr)) {
    EXPECT_THAT(finding.frames, SizeIs(2)) << finding.report;
    EXPECT_THAT(finding.report, testing::Not(testing::HasSubstr(std::string(kLeftOutMark))));
  }
  EXPECT_THAT(FindingsOf(run, nullptr), SizeIs(testing::Ge(2)));
}

TEST(FindingRecorderTest, RefusesARunThatFoundNothing) {
  MemoryFindingStore store;
  FindingRecorder recorder(&store, nullptr);
  EXPECT_EQ(recorder.Record(RunWith(runs::Verdict::kPassed)).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace stressd::findings
