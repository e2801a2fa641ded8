// Child processes: every child was reaped.

#ifndef STRESSD_HOST_ORACLES_CHILD_PROCESSES_H_
#define STRESSD_HOST_ORACLES_CHILD_PROCESSES_H_

#include "stressd/host/oracles/observation.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

// As JudgeFunction of oracle.h.
void JudgeChildProcesses(const Observation& before, const Observation& after, ViolationList& out);

}  // namespace stressd::host

#endif  // STRESSD_HOST_ORACLES_CHILD_PROCESSES_H_
