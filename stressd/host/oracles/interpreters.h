// Interpreters: no interpreter is left, nor references outside the run's own.

#ifndef STRESSD_HOST_ORACLES_INTERPRETERS_H_
#define STRESSD_HOST_ORACLES_INTERPRETERS_H_

#include "stressd/host/oracles/observation.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

// As JudgeFunction of oracle.h.
void JudgeInterpreters(const Observation& before, const Observation& after, ViolationList& out);

}  // namespace stressd::host

#endif  // STRESSD_HOST_ORACLES_INTERPRETERS_H_
