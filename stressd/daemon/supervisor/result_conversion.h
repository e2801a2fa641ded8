// Messages of the host protocol as the daemon's plain values.
//
// Thread safety.  Functions of their arguments.
#ifndef STRESSD_DAEMON_SUPERVISOR_RESULT_CONVERSION_H_
#define STRESSD_DAEMON_SUPERVISOR_RESULT_CONVERSION_H_

#include <vector>

#include "stressd/daemon/runs/host_view.h"
#include "stressd/daemon/runs/run.h"
#include "stressd/daemon/runs/scenario_catalog.h"
#include "stressd/protocol/host.pb.h"

namespace stressd::supervisor {

// The numbers and texts of `result`; not its verdict.
runs::RunOutcome OutcomeOfResult(const protocol::RunResult& result);

runs::HostBalance BalanceOfSnapshot(const protocol::SnapshotResult& snapshot);

std::vector<runs::ScenarioDescription> DescriptionsOf(const protocol::ScenarioList& list);

}  // namespace stressd::supervisor

#endif  // STRESSD_DAEMON_SUPERVISOR_RESULT_CONVERSION_H_
