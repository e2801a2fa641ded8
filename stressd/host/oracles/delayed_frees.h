// Delayed frees: nothing waits for a goal any more.

#ifndef STRESSD_HOST_ORACLES_DELAYED_FREES_H_
#define STRESSD_HOST_ORACLES_DELAYED_FREES_H_

#include "stressd/host/oracles/observation.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

// As JudgeFunction of oracle.h.
void JudgeDelayedFrees(const Observation& before, const Observation& after, ViolationList& out);

}  // namespace stressd::host

#endif  // STRESSD_HOST_ORACLES_DELAYED_FREES_H_
