// Process resources: file descriptors and threads are back at their start.

#ifndef STRESSD_HOST_ORACLES_PROCESS_RESOURCES_H_
#define STRESSD_HOST_ORACLES_PROCESS_RESOURCES_H_

#include "stressd/host/oracles/observation.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

// As JudgeFunction of oracle.h.
void JudgeProcessResources(const Observation& before, const Observation& after, ViolationList& out);

}  // namespace stressd::host

#endif  // STRESSD_HOST_ORACLES_PROCESS_RESOURCES_H_
