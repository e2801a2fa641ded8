#include "stressd/explore/driver/exhaustive.h"

#include <algorithm>

namespace explore {
namespace {

constexpr uint64_t kExhaustiveSeed = 0xdf5;

}  // namespace

ExhaustiveResult SearchExhaustively(Target& target, const CampaignOptions& options, uint32_t bound,
                                    bool bound_delays, uint64_t limit,
                                    const std::function<bool(const Finding&)>& wanted) {
  ExhaustiveResult result;
  for (uint32_t depth = 0; depth <= bound; ++depth) {
    result.bound = depth;
    bool first = true;
    while (true) {
      if (result.schedules >= limit) return result;
      FillRequest(options, target.request());
      Request& request = target.request();
      request.strategy = StrategyKind::kPrefix;
      request.depth = depth;
      request.bound_delays = bound_delays ? 1 : 0;
      request.restart = first ? 1 : 0;
      request.batch_count =
          static_cast<uint32_t>(std::min<uint64_t>(kMaxBatch, limit - result.schedules));
      // One seed for all: what it decides besides the schedule is not varied.
      std::fill(request.seeds, request.seeds + kMaxBatch, kExhaustiveSeed);
      first = false;
      if (!target.Run()) return result;
      result.schedules += target.result().runs_done;
      if (target.result().exhausted != 0) break;
      if (target.result().verdict == Verdict::kPassed) continue;
      Finding finding = TakeFinding(target);
      finding.schedule.arm.kind = StrategyKind::kPrefix;
      finding.schedule.arm.depth = depth;
      finding.schedule.model = options.model;
      finding.schedule.seed = kExhaustiveSeed;
      finding.index = result.schedules - 1;
      if (!wanted(finding)) continue;
      result.finding = std::move(finding);
      return result;
    }
  }
  result.complete = true;
  return result;
}

}  // namespace explore
