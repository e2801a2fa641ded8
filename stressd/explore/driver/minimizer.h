// Minimization: the same finding with as few preemptions as possible, and then
// with as few optional parts of the program.
//
// Model.  A schedule is a list of segments. The minimizer merges a thread's
// segment with its next one, or drops one, runs what results, and keeps what
// was really recorded if it still ends with the same verdict at fewer
// preemptions (or as many in fewer segments), until nothing helps. Then it
// looks exhaustively for one with fewer, up to two, preemptions, and reduces
// that. What the program declares as optional is left out last:
// optional_parts.h.
// Thread safety.  One thread.
#ifndef STRESSD_EXPLORE_DRIVER_MINIMIZER_H_
#define STRESSD_EXPLORE_DRIVER_MINIMIZER_H_

#include <cstdint>
#include <functional>

#include "stressd/explore/driver/campaign.h"

namespace explore {

struct Minimized {
  Finding finding;        // Its segments are the minimized schedule.
  uint64_t attempts = 0;  // Schedules run.
  uint64_t switches = 0;
  // Optional parts (optional.h): what the whole program asks for, and what of that the
  // minimized schedule does without.
  uint64_t asked_parts = 0;
  uint64_t left_out = 0;
};

// Fewest preemptions alone. `finding` was found by `target` under `options`; `same` tells
// whether another one is still the same finding.
Minimized MinimizePreemptions(Target& target, const CampaignOptions& options,
                              const Finding& finding,
                              const std::function<bool(const Finding&)>& same);

// Fewest preemptions, then fewest parts. A finding is the same with the same verdict and
// status, while nothing is left out.
Minimized Minimize(Target& target, const CampaignOptions& options, const Finding& finding);

}  // namespace explore

#endif  // STRESSD_EXPLORE_DRIVER_MINIMIZER_H_
