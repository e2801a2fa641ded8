// Reference total: no reference was lost or dropped twice, in sum and per type.

#ifndef STRESSD_HOST_ORACLES_REFERENCE_TOTAL_H_
#define STRESSD_HOST_ORACLES_REFERENCE_TOTAL_H_

#include "stressd/host/oracles/observation.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

// As JudgeFunction of oracle.h.
void JudgeReferenceTotal(const Observation& before, const Observation& after, ViolationList& out);

}  // namespace stressd::host

#endif  // STRESSD_HOST_ORACLES_REFERENCE_TOTAL_H_
