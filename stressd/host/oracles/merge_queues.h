// Merge queues: no object waits for its owner any more.

#ifndef STRESSD_HOST_ORACLES_MERGE_QUEUES_H_
#define STRESSD_HOST_ORACLES_MERGE_QUEUES_H_

#include "stressd/host/oracles/observation.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

// As JudgeFunction of oracle.h.
void JudgeMergeQueues(const Observation& before, const Observation& after, ViolationList& out);

}  // namespace stressd::host

#endif  // STRESSD_HOST_ORACLES_MERGE_QUEUES_H_
