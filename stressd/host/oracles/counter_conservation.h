// Counter conservation: what was made and not ended is what lives.

#ifndef STRESSD_HOST_ORACLES_COUNTER_CONSERVATION_H_
#define STRESSD_HOST_ORACLES_COUNTER_CONSERVATION_H_

#include "stressd/host/oracles/observation.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

// As JudgeFunction of oracle.h.
void JudgeCounterConservation(const Observation& before, const Observation& after,
                              ViolationList& out);

}  // namespace stressd::host

#endif  // STRESSD_HOST_ORACLES_COUNTER_CONSERVATION_H_
