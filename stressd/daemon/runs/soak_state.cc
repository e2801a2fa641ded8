#include "stressd/daemon/runs/soak_state.h"

#include <algorithm>
#include <utility>

namespace stressd::runs {
namespace {

SoakTally& TallyOf(SoakRecord& record, const RunSpec& spec) {
  for (SoakTally& tally : record.tallies) {
    if (tally.scenario == spec.scenario && tally.flavor == spec.flavor) return tally;
  }
  SoakTally tally;
  tally.scenario = spec.scenario;
  tally.flavor = spec.flavor;
  record.tallies.push_back(std::move(tally));
  return record.tallies.back();
}

bool CountCanary(const RunRecord& run, const ScenarioDescription& scenario, SoakRecord& record) {
  record.last_run_id = std::max(record.last_run_id, run.id);
  const auto expected = scenario.expected_verdicts.find(run.spec.flavor);
  const Verdict verdict = run.outcome.verdict;
  if (expected == scenario.expected_verdicts.end() || verdict == Verdict::kError ||
      verdict == Verdict::kCancelled) {
    return false;
  }
  ++record.canary_run_count;
  if (verdict == expected->second) return false;
  ++record.silent_canary_run_count;
  record.last_silent_canary_run_id = std::max(record.last_silent_canary_run_id, run.id);
  return true;
}

}  // namespace

bool HasEnded(SoakState state) {
  return state == SoakState::kFinished || state == SoakState::kStopped;
}

bool CountSoakRun(const RunRecord& run, const ScenarioCatalog& catalog, SoakRecord& record) {
  const ScenarioDescription* scenario = catalog.Find(run.spec.scenario);
  if (scenario != nullptr && scenario->is_canary) return CountCanary(run, *scenario, record);
  SoakTally& tally = TallyOf(record, run.spec);
  ++tally.run_count;
  ++tally.verdict_counts[run.outcome.verdict];
  tally.operation_count += run.outcome.operation_count;
  if (run.start_time > absl::UnixEpoch()) tally.busy += run.end_time - run.start_time;
  record.last_run_id = std::max(record.last_run_id, run.id);
  if (IsFinding(run.outcome.verdict)) {
    record.last_finding_run_id = std::max(record.last_finding_run_id, run.id);
  }
  return false;
}

}  // namespace stressd::runs
