// Exhaustive search, as the driver asks for it: bound 0, then 1, and so on.
//
// Thread safety.  One thread.
#ifndef STRESSD_EXPLORE_DRIVER_EXHAUSTIVE_H_
#define STRESSD_EXPLORE_DRIVER_EXHAUSTIVE_H_

#include <functional>
#include <unordered_set>

#include "stressd/explore/driver/campaign.h"

namespace explore {

struct ExhaustiveResult {
  uint64_t schedules = 0;
  bool complete = false;  // Every schedule within the bound was run.
  uint32_t bound = 0;     // The last one begun.
  Finding finding;        // The first; kPassed if none.
  std::unordered_set<uint64_t> signatures;
  uint64_t asked_parts = 0;  // By any of them.
};

// Runs every schedule with at most `bound` preemptions (or delays), small
// bounds first, but no more than `limit` schedules. Stops at the first finding
// that `wanted` accepts, and when `options.on_batch` says so. The target has learned.
ExhaustiveResult SearchExhaustively(Target& target, const CampaignOptions& options, uint32_t bound,
                                    bool bound_delays, uint64_t limit,
                                    const std::function<bool(const Finding&)>& wanted);

// The same as a campaign of up to `options.schedules` schedules with at most
// `options.bound` preemptions. It ends at its first finding.
CampaignResult RunExhaustiveCampaign(const CampaignOptions& options);

}  // namespace explore

#endif  // STRESSD_EXPLORE_DRIVER_EXHAUSTIVE_H_
