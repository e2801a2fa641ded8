// The same finding with fewer optional parts (optional.h): fewer threads, fewer operations.
//
// Model.  Part by part, in order of their numbers and again until nothing helps. First the
// guard, lest the part's absence be the failure: the program without it must pass every
// calm schedule, one without preemptions in which stores drain at once and no timeout fires
// early. Where the whole program fails in some of them, so may the smaller one, with the
// same defect, as long as it passes others. Then some schedule must end with the same
// defect, at no more preemptions than before: all of up to two preemptions are searched,
// and where they are too many, some of the portfolio.
//   The same defect: the same verdict and status; of races and bad uses of memory the same
// code; of the rest the same message and last line printed, whatever numbers they hold.
// Thread safety.  One thread.
#ifndef STRESSD_EXPLORE_DRIVER_OPTIONAL_PARTS_H_
#define STRESSD_EXPLORE_DRIVER_OPTIONAL_PARTS_H_

#include <cstdint>
#include <string>

#include "stressd/explore/driver/campaign.h"
#include "stressd/explore/driver/minimizer.h"

namespace explore {

bool IsSameDefect(const Finding& a, const Finding& b);

// `present` was minimized under `options`, which leave nothing out; the program asked for
// `present.asked_parts`.
Minimized LeaveOutParts(Target& target, const CampaignOptions& options, Minimized present);

// "parts 1, 3 (2 of 4)": what a mask leaves out of what was asked for.
std::string PartsText(uint64_t left_out, uint64_t asked_parts);

}  // namespace explore

#endif  // STRESSD_EXPLORE_DRIVER_OPTIONAL_PARTS_H_
