#include "stressd/daemon/supervisor/run_ending.h"

#include <sys/types.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "stressd/daemon/supervisor/classify.h"
#include "stressd/daemon/supervisor/host_sampler.h"
#include "stressd/daemon/supervisor/stack_dump.h"

namespace stressd::supervisor {
namespace {

using runs::RunOutcome;
using runs::Verdict;

// Whether this end lets the host exit by itself.
bool ExitsByItself(DriveEnd end) { return end == DriveEnd::kResult || end == DriveEnd::kHostGone; }

// What the black box holds in place of a result.
void AddPostMortem(const protocol::BlackBoxView& view, RunOutcome& outcome) {
  runs::HostSample sample;
  SampleCounters(view, sample);
  outcome.counters = std::move(sample.counters);
  outcome.operation_count = sample.progress.operation_count;
  // Without a baseline: what was alive at the end.
  outcome.references = {{"total", 0, sample.reference_total}};
  for (const runs::CounterValue& each : sample.references) {
    outcome.references.push_back({each.name, 0, each.value});
  }
}

}  // namespace

RunOutcome EndRun(HostProcess& host, DriveReport drive, ProcessSpawner& spawner,
                  const EndingOptions& options) {
  const pid_t pid = host.pid();
  EndingFacts facts;
  facts.drive = std::move(drive);
  std::string stacks;
  const bool goes_on = options.stays_alive && facts.drive.end == DriveEnd::kResult;
  if (!goes_on) {
    if (ExitsByItself(facts.drive.end)) {
      facts.exit = host.AwaitExit(options.exit_timeout);
      if (!facts.exit.has_value()) {
        facts.drive.end = DriveEnd::kHung;
        facts.drive.detail = absl::StrCat(
            "it did not exit within ", absl::FormatDuration(options.exit_timeout),
            facts.drive.result.has_value() ? " after its result" : " after it closed its socket");
      }
    }
    if (!facts.exit.has_value()) {
      facts.killed_by_us = true;
      const DriveEnd end = facts.drive.end;
      if (end == DriveEnd::kHung || end == DriveEnd::kIgnoredStop) {
        stacks = DumpStacks(spawner, options.stack_program, pid, options.stack_timeout);
      }
      facts.exit = host.Kill();
    }
  }
  const protocol::BlackBoxView view = host.channel().view();
  facts.failure = view.failure();
  facts.report_kind = view.report_kind();
  RunOutcome outcome = Classify(facts);
  outcome.host.pid = pid;
  outcome.stacks = std::move(stacks);
  if (!facts.drive.result.has_value()) AddPostMortem(view, outcome);
  const bool leaked = facts.report_kind != protocol::ReportKind::kNone;
  if (leaked || (outcome.verdict != Verdict::kPassed && outcome.verdict != Verdict::kCancelled)) {
    outcome.report = host.channel().errors.Text(runs::kReportBytesMax);
    outcome.events = SampleEvents(view);
  }
  return outcome;
}

}  // namespace stressd::supervisor
