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

}  // namespace

bool HasEnded(SoakState state) {
  return state == SoakState::kFinished || state == SoakState::kStopped;
}

void CountSoakRun(const RunRecord& run, SoakRecord& record) {
  SoakTally& tally = TallyOf(record, run.spec);
  ++tally.run_count;
  ++tally.verdict_counts[run.outcome.verdict];
  tally.operation_count += run.outcome.operation_count;
  if (run.start_time > absl::UnixEpoch()) tally.busy += run.end_time - run.start_time;
  record.last_run_id = std::max(record.last_run_id, run.id);
  if (IsFinding(run.outcome.verdict)) {
    record.last_finding_run_id = std::max(record.last_finding_run_id, run.id);
  }
}

}  // namespace stressd::runs
