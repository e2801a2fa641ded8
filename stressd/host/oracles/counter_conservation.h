// Counter conservation: what was made and not ended is what lives.
//
// Model.  The rule: over a run that begins and ends at rest, the counters of a
//   runtime (rt::Runtime, R3) grow by as many beginnings as ends, in every
//   interpreter that lived meanwhile and in every thread, living or dead. That
//   holds for objects of each kind, thread states, the heap bundles they use,
//   objects queued for a merge, and delayed frees and their bytes. The bundles are
//   compared with those that thread states hold, since one takes its bundle when
//   it first allocates: a main thread may do so in the run.

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
