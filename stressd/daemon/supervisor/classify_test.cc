// The table of endings: each row one set of facts and its verdict.
#include "stressd/daemon/supervisor/classify.h"

#include <signal.h>

#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "stressd/protocol/exit_code.h"

namespace stressd::supervisor {
namespace {

using protocol::ReportKind;
using protocol::RunResult;
using runs::RunOutcome;
using runs::Verdict;

// Wait statuses as the kernel makes them.
HostExit Exited(int code) { return HostExit{false, code << 8}; }
HostExit Signalled(int signal) { return HostExit{false, signal}; }

EndingFacts Facts(DriveEnd end, std::optional<HostExit> exit) {
  EndingFacts facts;
  facts.drive.end = end;
  facts.exit = exit;
  return facts;
}

EndingFacts WithResult(RunResult::Verdict verdict, std::optional<HostExit> exit) {
  EndingFacts facts = Facts(DriveEnd::kResult, exit);
  facts.drive.result.emplace();
  facts.drive.result->set_verdict(verdict);
  return facts;
}

protocol::FailureView Failure() {
  protocol::FailureView failure;
  failure.invariant = "I1";
  failure.text = "read exceeds write";
  return failure;
}

TEST(ClassifyTest, ACleanEndGivesTheResultsVerdict) {
  const std::pair<RunResult::Verdict, Verdict> kRows[] = {
      {RunResult::PASSED, Verdict::kPassed},
      {RunResult::VIOLATION, Verdict::kViolation},
      {RunResult::SANITIZER_REPORT, Verdict::kSanitizerReport},
      {RunResult::ERROR, Verdict::kError},
      {RunResult::CANCELLED, Verdict::kCancelled},
      {RunResult::TIMED_OUT, Verdict::kTimedOut},
      {RunResult::INCONCLUSIVE, Verdict::kInconclusive},
      {RunResult::VERDICT_UNSPECIFIED, Verdict::kError}};
  for (const auto& [told, expected] : kRows) {
    EXPECT_EQ(Classify(WithResult(told, Exited(0))).verdict, expected) << told;
    EXPECT_EQ(Classify(WithResult(told, std::nullopt)).verdict, expected) << told;
  }
}

TEST(ClassifyTest, ADeathAfterThePassedResultWins) {
  const std::pair<HostExit, Verdict> kRows[] = {
      {Signalled(SIGSEGV), Verdict::kCrashed},
      {Exited(protocol::kExitLeak), Verdict::kSanitizerReport},
      {Exited(protocol::kExitThread), Verdict::kSanitizerReport},
      {Exited(protocol::kExitAddress), Verdict::kSanitizerReport},
      {Exited(protocol::kExitUndefined), Verdict::kSanitizerReport},
      {Exited(3), Verdict::kError},
      {HostExit{true, 0}, Verdict::kError}};
  for (const auto& [exit, expected] : kRows) {
    EXPECT_EQ(Classify(WithResult(RunResult::PASSED, exit)).verdict, expected) << exit.wait_status;
  }
}

TEST(ClassifyTest, AnEndWithoutAResult) {
  const std::pair<HostExit, Verdict> kRows[] = {
      {Signalled(SIGSEGV), Verdict::kCrashed},
      {Signalled(SIGABRT), Verdict::kCrashed},
      {Signalled(SIGKILL), Verdict::kCrashed},  // Somebody else's.
      {Exited(protocol::kExitThread), Verdict::kSanitizerReport},
      {Exited(protocol::kExitProtocol), Verdict::kError},
      {Exited(protocol::kExitUsage), Verdict::kError},
      {Exited(protocol::kExitSetUp), Verdict::kError},
      {Exited(0), Verdict::kError},
      {HostExit{true, 0}, Verdict::kError}};
  for (const auto& [exit, expected] : kRows) {
    EXPECT_EQ(Classify(Facts(DriveEnd::kHostGone, exit)).verdict, expected) << exit.wait_status;
  }
}

TEST(ClassifyTest, AFailedCheckIsAViolationHoweverTheHostEnded) {
  for (const DriveEnd end : {DriveEnd::kHostGone, DriveEnd::kHung, DriveEnd::kIgnoredStop}) {
    EndingFacts facts = Facts(end, Signalled(SIGABRT));
    facts.failure = Failure();
    const RunOutcome outcome = Classify(facts);
    EXPECT_EQ(outcome.verdict, Verdict::kViolation);
    ASSERT_EQ(outcome.violations.size(), 1u);
    EXPECT_EQ(outcome.violations[0].rule, "I1");
  }
}

TEST(ClassifyTest, ALeakReportBesideAViolationIsTheViolation) {
  EndingFacts facts = WithResult(RunResult::VIOLATION, Exited(protocol::kExitLeak));
  facts.report_kind = ReportKind::kLeak;
  EXPECT_EQ(Classify(facts).verdict, Verdict::kViolation);
  facts.report_kind = ReportKind::kThread;
  EXPECT_EQ(Classify(facts).verdict, Verdict::kSanitizerReport);
}

TEST(ClassifyTest, TheMarkInTheBlackBoxCountsWithoutAnExitCode) {
  EndingFacts facts = WithResult(RunResult::PASSED, std::nullopt);
  facts.report_kind = ReportKind::kUndefined;
  EXPECT_EQ(Classify(facts).verdict, Verdict::kSanitizerReport);
}

TEST(ClassifyTest, OurOwnKillIsNoCrash) {
  const struct {
    DriveEnd end;
    StopReason stop;
    Verdict expected;
  } kRows[] = {{DriveEnd::kHung, StopReason::kNone, Verdict::kHung},
               {DriveEnd::kIgnoredStop, StopReason::kTimedOut, Verdict::kTimedOut},
               {DriveEnd::kIgnoredStop, StopReason::kCancelled, Verdict::kCancelled},
               {DriveEnd::kOverLimit, StopReason::kNone, Verdict::kError},
               {DriveEnd::kProtocolError, StopReason::kNone, Verdict::kError}};
  for (const auto& row : kRows) {
    EndingFacts facts = Facts(row.end, Signalled(SIGKILL));
    facts.drive.stop = row.stop;
    facts.killed_by_us = true;
    EXPECT_EQ(Classify(facts).verdict, row.expected);
    // It crashed by itself before our signal came.
    facts.exit = Signalled(SIGBUS);
    EXPECT_EQ(Classify(facts).verdict, Verdict::kCrashed);
  }
}

TEST(ClassifyTest, AHostThatGoesOnIsSaidToBeAlive) {
  EXPECT_TRUE(Classify(WithResult(RunResult::PASSED, std::nullopt)).host.still_alive);
  EXPECT_FALSE(Classify(WithResult(RunResult::PASSED, Exited(0))).host.still_alive);
}

TEST(ClassifyTest, EveryVerdictHasAReason) {
  EXPECT_NE(Classify(Facts(DriveEnd::kHostGone, Exited(9))).summary.find("exited with 9"),
            std::string::npos);
  EXPECT_NE(Classify(Facts(DriveEnd::kHostGone, Signalled(SIGBUS))).summary.find("SIGBUS"),
            std::string::npos);
}

}  // namespace
}  // namespace stressd::supervisor
