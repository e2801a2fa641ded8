// QSBR slots: one per thread state, and sequences that keep their order.

#ifndef STRESSD_HOST_ORACLES_QSBR_SLOTS_H_
#define STRESSD_HOST_ORACLES_QSBR_SLOTS_H_

#include "stressd/host/oracles/observation.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

// As JudgeFunction of oracle.h.
void JudgeQsbrSlots(const Observation& before, const Observation& after, ViolationList& out);

}  // namespace stressd::host

#endif  // STRESSD_HOST_ORACLES_QSBR_SLOTS_H_
