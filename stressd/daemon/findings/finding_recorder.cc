#include "stressd/daemon/findings/finding_recorder.h"

#include <string.h>  // strsignal's sibling sigabbrev_np is glibc's own.

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"

namespace stressd::findings {
namespace {

using runs::RunRecord;
using runs::Verdict;

constexpr absl::string_view kThreadSanitizer = "ThreadSanitizer";

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
  // A sanitizer's exit code without its text.
  finding.tool = "sanitizer";
  finding.kind = WithoutNumbers(run.outcome.summary);
  finding.frames = {absl::StrCat("scenario:", run.spec.scenario)};
  finding.title = run.outcome.summary;
}

// Completes a finding that has its name: verdict, tool, kind, title and frames.
Finding Complete(const RunRecord& run, Finding finding, std::string report) {
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
  if (!run.outcome.stacks.empty()) {
    absl::StrAppend(&report, report.empty() ? "" : "\n", run.outcome.stacks);
  }
  finding.report = runs::BoundedText(std::move(report), kFindingReportBytesMax);
  return finding;
}

}  // namespace

Finding FindingOf(const RunRecord& run, const Symbolize& symbolize) {
  return FindingsOf(run, symbolize).front();
}

std::vector<Finding> FindingsOf(const RunRecord& run, const Symbolize& symbolize) {
  std::vector<ParsedReport> reports = ParseSanitizerReports(run.outcome.report, symbolize);
  const bool races = !reports.empty() && reports.front().tool == kThreadSanitizer;
  // The other tools end their process: what looks like a second report is a part of the first.
  if (!races && reports.size() > 1) reports.resize(1);
  const bool by_report = run.verdict() == Verdict::kSanitizerReport;
  std::vector<Finding> findings;
  const bool several = reports.size() > 1;
  for (ParsedReport& each : reports) {
    if (!by_report && !races) break;  // A report that did not decide the run.
    Finding finding;
    finding.verdict = Verdict::kSanitizerReport;
    finding.tool = std::move(each.tool);
    finding.kind = std::move(each.kind);
    finding.frames = std::move(each.frames);
    finding.title = std::move(each.title);
    findings.push_back(
        Complete(run, std::move(finding), several ? std::move(each.text) : run.outcome.report));
  }
  const bool named = by_report && !findings.empty();
  if (named && (!races || run.outcome.violations.empty())) return findings;
  Finding finding;
  finding.verdict = named ? Verdict::kViolation : run.verdict();
  if (named) {
    NameViolation(run, finding);
  } else {
    Name(run, symbolize, finding);
  }
  // What decided the run comes first.
  findings.insert(named ? findings.end() : findings.begin(),
                  Complete(run, std::move(finding), run.outcome.report));
  return findings;
}

FindingRecorder::FindingRecorder(FindingStore* store, Symbolize symbolize)
    : store_(store), symbolize_(std::move(symbolize)) {}

absl::StatusOr<std::vector<int64_t>> FindingRecorder::Record(const RunRecord& run) {
  if (!runs::IsFinding(run.verdict())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "run ", run.id, " found nothing: ", std::string(runs::VerdictName(run.verdict()))));
  }
  std::vector<int64_t> ids;
  for (const Finding& finding : FindingsOf(run, symbolize_)) {
    const absl::StatusOr<int64_t> id = store_->MergeFinding(finding);
    if (!id.ok()) return id.status();
    ids.push_back(*id);
  }
  std::sort(ids.begin(), ids.end(), std::greater<>());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

}  // namespace stressd::findings
