#include "stressd/daemon/supervisor/classify.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "absl/strings/str_cat.h"
#include "stressd/daemon/supervisor/result_conversion.h"
#include "stressd/protocol/exit_code.h"

namespace stressd::supervisor {
namespace {

using protocol::ReportKind;
using protocol::RunResult;
using runs::RunOutcome;
using runs::Verdict;

// An ending that is the host's own.
struct OwnEnding {
  int exit_code = -1;
  int signal = -1;
};

OwnEnding OwnEndingOf(const EndingFacts& facts) {
  OwnEnding ending;
  if (!facts.exit.has_value() || facts.exit->lost) return ending;
  const int status = facts.exit->wait_status;
  if (WIFEXITED(status)) ending.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) {
    // Ours, unless it was faster with another one.
    if (!facts.killed_by_us || WTERMSIG(status) != SIGKILL) ending.signal = WTERMSIG(status);
  }
  return ending;
}

ReportKind KindOfExitCode(int exit_code) {
  switch (exit_code) {
    case protocol::kExitAddress:
      return ReportKind::kAddress;
    case protocol::kExitLeak:
      return ReportKind::kLeak;
    case protocol::kExitThread:
      return ReportKind::kThread;
    case protocol::kExitUndefined:
      return ReportKind::kUndefined;
    default:
      return ReportKind::kNone;
  }
}

const char* SanitizerName(ReportKind kind) {
  switch (kind) {
    case ReportKind::kNone:
      return "no sanitizer";
    case ReportKind::kAddress:
      return "AddressSanitizer";
    case ReportKind::kLeak:
      return "LeakSanitizer";
    case ReportKind::kThread:
      return "ThreadSanitizer";
    case ReportKind::kUndefined:
      return "UndefinedBehaviorSanitizer";
  }
  return "a sanitizer";
}

void Conclude(RunOutcome& outcome, Verdict verdict, std::string summary) {
  outcome.verdict = verdict;
  outcome.summary = std::move(summary);
}

// Rules 1 to 3. True if something was found.
bool ConcludeFound(const EndingFacts& facts, const OwnEnding& ending, RunOutcome& outcome) {
  ReportKind kind = facts.report_kind;
  if (kind == ReportKind::kNone) kind = KindOfExitCode(ending.exit_code);
  const bool result_violates =
      facts.drive.result.has_value() && facts.drive.result->verdict() == RunResult::VIOLATION;
  const bool aborted_by_check = facts.failure.has_value() && ending.signal == SIGABRT;
  if (kind != ReportKind::kNone && !aborted_by_check &&
      !(kind == ReportKind::kLeak && result_violates)) {
    Conclude(outcome, Verdict::kSanitizerReport,
             absl::StrCat(SanitizerName(kind), " reported a problem"));
    return true;
  }
  if (facts.failure.has_value()) {
    runs::Violation violation;
    violation.rule = facts.failure->invariant.empty() ? "unknown" : facts.failure->invariant;
    violation.message = facts.failure->text;
    violation.location = absl::StrCat(facts.failure->file, ":", facts.failure->line);
    Conclude(outcome, Verdict::kViolation,
             absl::StrCat("invariant ", violation.rule, " is broken: ", violation.message));
    outcome.violations.insert(outcome.violations.begin(), std::move(violation));
    return true;
  }
  if (!result_violates) return false;
  Conclude(outcome, Verdict::kViolation,
           outcome.violations.empty() ? "an oracle objects without a word"
                                      : absl::StrCat(outcome.violations.front().rule, ": ",
                                                     outcome.violations.front().message));
  return true;
}

// Rule 5. True if we ended the run.
bool ConcludeStopped(const EndingFacts& facts, RunOutcome& outcome) {
  const DriveReport& drive = facts.drive;
  switch (drive.end) {
    case DriveEnd::kHung:
      Conclude(outcome, Verdict::kHung, drive.detail);
      return true;
    case DriveEnd::kIgnoredStop:
      Conclude(outcome,
               drive.stop == StopReason::kTimedOut ? Verdict::kTimedOut : Verdict::kCancelled,
               absl::StrCat(
                   drive.stop == StopReason::kTimedOut ? "longer than its time limit" : "cancelled",
                   "; killed: ", drive.detail));
      return true;
    case DriveEnd::kOverLimit:
      Conclude(outcome, Verdict::kError,
               absl::StrCat("over a limit of the daemon: ", drive.detail));
      return true;
    case DriveEnd::kProtocolError:
      Conclude(outcome, Verdict::kError,
               absl::StrCat("the host breaks the protocol: ", drive.detail));
      return true;
    case DriveEnd::kResult:
    case DriveEnd::kHostGone:
      return false;
  }
  return false;
}

// Rule 6, once nothing was found.
void ConcludeResult(const RunResult& result, RunOutcome& outcome) {
  switch (result.verdict()) {
    case RunResult::PASSED:
      return Conclude(outcome, Verdict::kPassed, "every oracle is satisfied");
    case RunResult::VIOLATION:
      return Conclude(outcome, Verdict::kViolation, "an oracle objects");
    case RunResult::SANITIZER_REPORT:
      return Conclude(outcome, Verdict::kSanitizerReport, "LeakSanitizer reported a problem");
    case RunResult::ERROR:
      return Conclude(outcome, Verdict::kError, result.error());
    case RunResult::CANCELLED:
      return Conclude(outcome, Verdict::kCancelled, "cancelled; the counters are partial");
    case RunResult::TIMED_OUT:
      return Conclude(outcome, Verdict::kTimedOut, "longer than its time limit");
    case RunResult::INCONCLUSIVE:
      return Conclude(outcome, Verdict::kInconclusive, result.error());
    default:
      return Conclude(outcome, Verdict::kError, "the host's result has no verdict");
  }
}

}  // namespace

RunOutcome Classify(const EndingFacts& facts) {
  RunOutcome outcome;
  if (facts.drive.result.has_value()) outcome = OutcomeOfResult(*facts.drive.result);
  const OwnEnding ending = OwnEndingOf(facts);
  outcome.host.exit_code = ending.exit_code;
  outcome.host.signal = ending.signal;
  outcome.host.still_alive = !facts.exit.has_value() && !facts.killed_by_us;
  if (ConcludeFound(facts, ending, outcome)) return outcome;
  if (ending.signal >= 0) {
    // sigabbrev_np() names what is a signal; a wait status holds no other.
    const char* name = sigabbrev_np(ending.signal);
    Conclude(outcome, Verdict::kCrashed,
             absl::StrCat("the host was ended by signal ", ending.signal, " (SIG",
                          name == nullptr ? "?" : name, ")"));
    return outcome;
  }
  if (ConcludeStopped(facts, outcome)) return outcome;
  if (facts.exit.has_value() && facts.exit->lost) {
    Conclude(outcome, Verdict::kError, "the fork server ended under the run");
    return outcome;
  }
  if (facts.drive.result.has_value() && ending.exit_code <= 0) {
    ConcludeResult(*facts.drive.result, outcome);
    return outcome;
  }
  std::string how = absl::StrCat("the host exited with ", ending.exit_code);
  if (ending.exit_code == protocol::kExitProtocol || ending.exit_code == protocol::kExitUsage) {
    absl::StrAppend(&how, ": it did not understand the daemon");
  } else if (facts.killed_by_us) {
    how = "the host closed its socket and did not exit";
  } else if (!facts.drive.result.has_value()) {
    absl::StrAppend(&how, " without a result");
  } else {
    absl::StrAppend(&how, " after its result");
  }
  if (!facts.drive.detail.empty()) absl::StrAppend(&how, " (", facts.drive.detail, ")");
  Conclude(outcome, Verdict::kError, how);
  return outcome;
}

}  // namespace stressd::supervisor
