// Black boxes as the daemon's plain values.
//
// Thread safety.  Any thread, while the host lives and after.
#ifndef STRESSD_DAEMON_SUPERVISOR_HOST_SAMPLER_H_
#define STRESSD_DAEMON_SUPERVISOR_HOST_SAMPLER_H_

#include <vector>

#include "stressd/daemon/runs/host_view.h"
#include "stressd/daemon/runs/run.h"
#include "stressd/protocol/black_box.h"

namespace stressd::supervisor {

// "set up", "run", "quiesce", "check", "tear down"; empty when idle.
const char* PhaseName(protocol::RunPhase phase);

// Without what the black box does not know: memory and elapsed time.
runs::RunProgress SampleProgress(const protocol::BlackBoxView& view);

// Fills run_id, progress, slots, counters, references and their total.
void SampleCounters(const protocol::BlackBoxView& view, runs::HostSample& sample);

std::vector<runs::RunEventRecord> SampleEvents(const protocol::BlackBoxView& view);

}  // namespace stressd::supervisor

#endif  // STRESSD_DAEMON_SUPERVISOR_HOST_SAMPLER_H_
