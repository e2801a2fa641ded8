// Heap balance: live blocks and bytes of each heap are back at their start.

#ifndef STRESSD_HOST_ORACLES_HEAP_BALANCE_H_
#define STRESSD_HOST_ORACLES_HEAP_BALANCE_H_

#include "stressd/host/oracles/observation.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

// As JudgeFunction of oracle.h.
void JudgeHeapBalance(const Observation& before, const Observation& after, ViolationList& out);

}  // namespace stressd::host

#endif  // STRESSD_HOST_ORACLES_HEAP_BALANCE_H_
