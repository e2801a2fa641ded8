// Minimization: the same finding with as few preemptions as possible.
//
// Model.  A schedule is a list of segments. The minimizer merges a thread's
// segment with its next one, or drops one, runs what results, and keeps what
// was really recorded if it still ends with the same verdict at fewer
// preemptions (or as many in fewer segments), until nothing helps. Then it
// looks exhaustively for one with fewer, up to two, preemptions, and reduces
// that.
// Thread safety.  One thread.
#ifndef STRESSD_EXPLORE_DRIVER_MINIMIZER_H_
#define STRESSD_EXPLORE_DRIVER_MINIMIZER_H_

#include "stressd/explore/driver/campaign.h"

namespace explore {

struct Minimized {
  Finding finding;        // Its segments are the minimized schedule.
  uint64_t attempts = 0;  // Schedules run.
  uint64_t switches = 0;
};

// `finding` was found by `target` under `options`.
Minimized Minimize(Target& target, const CampaignOptions& options, const Finding& finding);

}  // namespace explore

#endif  // STRESSD_EXPLORE_DRIVER_MINIMIZER_H_
