// Thread list: the thread states are those that were there at the start.

#ifndef STRESSD_HOST_ORACLES_THREAD_LIST_H_
#define STRESSD_HOST_ORACLES_THREAD_LIST_H_

#include "stressd/host/oracles/observation.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

// As JudgeFunction of oracle.h.
void JudgeThreadList(const Observation& before, const Observation& after, ViolationList& out);

}  // namespace stressd::host

#endif  // STRESSD_HOST_ORACLES_THREAD_LIST_H_
