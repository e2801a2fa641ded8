// What is done with a finding: replay it, minimize it, explain it.
//
// Thread safety.  One thread.
#ifndef STRESSD_EXPLORE_DRIVER_INVESTIGATION_H_
#define STRESSD_EXPLORE_DRIVER_INVESTIGATION_H_

#include <optional>
#include <string>
#include <vector>

#include "stressd/explore/driver/campaign.h"
#include "stressd/explore/driver/minimizer.h"
#include "stressd/explore/driver/schedule_file.h"
#include "stressd/explore/driver/trace.h"

namespace explore {

struct SymbolizedStack {
  std::string title;
  std::vector<std::string> frames;  // Innermost first.
};

struct Investigation {
  Finding finding;       // As the campaign met it.
  uint64_t replays = 0;  // Of its name: tried, and ended alike.
  uint64_t replayed = 0;
  Minimized minimized;
  std::vector<SymbolizedStack> stacks;  // Of the minimized schedule's end.
  std::vector<SymbolizedStack> pair;    // The critical pair: two stacks, or none.
  std::vector<std::string> switches;    // The minimized schedule, one line per segment.
  ScheduleFile file;
  std::string timeline;  // Chrome trace-event JSON.
};

// `target` has learned. Replays the finding `replays` times by name.
Investigation Investigate(Target& target, const CampaignOptions& campaign, const Finding& finding,
                          uint64_t replays);

// Replays a schedule file; `note` says where it left the record, if it did.
Finding ReplayFile(Target& target, const CampaignOptions& campaign, const ScheduleFile& file,
                   std::string& note);

// The lines a reader sees.
std::string Describe(const Investigation& investigation, const std::string& command,
                     const std::string& options_text);

}  // namespace explore

#endif  // STRESSD_EXPLORE_DRIVER_INVESTIGATION_H_
