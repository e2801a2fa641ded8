#include "stressd/daemon/findings/finding_recorder.h"

#include <string.h>  // strsignal's sibling sigabbrev_np is glibc's own.

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"

namespace stressd::findings {
namespace {

using runs::RunRecord;
using runs::Verdict;

absl::string_view FirstWord(absl::string_view text) { return text.substr(0, text.find(' ')); }

std::string SignalName(int signal) {
  const char* name = signal > 0 ? sigabbrev_np(signal) : nullptr;
  return name != nullptr ? absl::StrCat("SIG", name) : absl::StrCat("signal ", signal);
}

// "runtime/qsbr/qsbr.cc:12" without its line.
std::string FileOfLocation(absl::string_view location) {
  return NormalizeFile(location.substr(0, location.rfind(':')));
}

void NameViolation(const RunRecord& run, Finding& finding) {
  if (run.outcome.violations.empty()) {
    finding.tool = "oracle";
    finding.kind = WithoutNumbers(run.outcome.summary);
    finding.frames = {absl::StrCat("scenario:", run.spec.scenario)};
    finding.title = run.outcome.summary;
    return;
  }
  const runs::Violation& first = run.outcome.violations.front();
  finding.kind = first.rule;
  if (first.location.empty()) {
    finding.tool = "oracle";
    finding.frames = {absl::StrCat("scenario:", run.spec.scenario)};
    finding.title = absl::StrCat(first.rule, " in ", run.spec.scenario, ": ", first.message);
  } else {
    finding.tool = "check";
    finding.frames = {FileOfLocation(first.location)};
    finding.title = absl::StrCat(first.rule, " at ", first.location, ": ", first.message);
  }
}

void NameCrash(const RunRecord& run, const Symbolize& symbolize, Finding& finding) {
  finding.tool = "signal";
  finding.kind = SignalName(run.outcome.host.signal);
  finding.frames = ParseCrashStack(run.outcome.report, symbolize);
  if (finding.frames.empty()) {
    finding.frames = {absl::StrCat("scenario:", run.spec.scenario)};
  }
  finding.title = absl::StrCat(finding.kind, " in ", FirstWord(finding.frames[0]));
}

void NameHang(const RunRecord& run, const Symbolize& symbolize, Finding& finding) {
  finding.tool = "watchdog";
  finding.kind = "hang";
  finding.frames = ParseAllStacks(run.outcome.stacks, symbolize);
  finding.frames.insert(finding.frames.begin(), absl::StrCat("scenario:", run.spec.scenario));
  finding.title = absl::StrCat("hang in ", run.spec.scenario);
  if (finding.frames.size() > 1) {
    absl::StrAppend(&finding.title, ", ", FirstWord(finding.frames[1]));
  }
}

void Name(const RunRecord& run, const Symbolize& symbolize, Finding& finding) {
  switch (run.verdict()) {
    case Verdict::kViolation:
      return NameViolation(run, finding);
    case Verdict::kHung:
      return NameHang(run, symbolize, finding);
    case Verdict::kCrashed:
      return NameCrash(run, symbolize, finding);
    default:
      break;
  }
  ParsedReport parsed = ParseSanitizerReport(run.outcome.report, symbolize);
  if (parsed.tool.empty()) {
    // A sanitizer's exit code without its text.
    finding.tool = "sanitizer";
    finding.kind = WithoutNumbers(run.outcome.summary);
    finding.frames = {absl::StrCat("scenario:", run.spec.scenario)};
    finding.title = run.outcome.summary;
    return;
  }
  finding.tool = std::move(parsed.tool);
  finding.kind = std::move(parsed.kind);
  finding.frames = std::move(parsed.frames);
  finding.title = std::move(parsed.title);
}

}  // namespace

Finding FindingOf(const RunRecord& run, const Symbolize& symbolize) {
  Finding finding;
  finding.verdict = run.verdict();
  Name(run, symbolize, finding);
  if (finding.frames.size() > kFindingFrameCountMax) {
    finding.frames.resize(kFindingFrameCountMax);
  }
  finding.fingerprint = Fingerprint(finding);
  finding.run_count = 1;
  // The run has ended, even if its record does not say so yet.
  const absl::Time seen = run.end_time > absl::UnixEpoch() ? run.end_time : absl::Now();
  finding.first_seen_time = finding.last_seen_time = seen;
  finding.first_run_id = finding.last_run_id = run.id;
  finding.scenarios = {run.spec.scenario};
  finding.flavors = {run.spec.flavor};
  finding.repeat_command = runs::RepeatCommandLine(run);
  finding.build_id = run.outcome.build_id;
  finding.violations = run.outcome.violations;
  finding.counters = run.outcome.counters;
  finding.events = run.outcome.events;
  std::string report = run.outcome.report;
  if (!run.outcome.stacks.empty()) {
    absl::StrAppend(&report, report.empty() ? "" : "\n", run.outcome.stacks);
  }
  finding.report = runs::BoundedText(std::move(report), kFindingReportBytesMax);
  return finding;
}

FindingRecorder::FindingRecorder(FindingStore* store, Symbolize symbolize)
    : store_(store), symbolize_(std::move(symbolize)) {}

absl::StatusOr<int64_t> FindingRecorder::Record(const RunRecord& run) {
  if (!runs::IsFinding(run.verdict())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "run ", run.id, " found nothing: ", std::string(runs::VerdictName(run.verdict()))));
  }
  return store_->MergeFinding(FindingOf(run, symbolize_));
}

}  // namespace stressd::findings
