#include "stressd/explore/driver/exhaustive.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace explore {
namespace {

using Clock = std::chrono::steady_clock;

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
      const uint32_t ran = target.result().runs_done;
      result.schedules += ran;
      result.signatures.insert(target.result().signatures, target.result().signatures + ran);
      result.asked_parts |= target.result().asked_parts;
      if (options.on_schedule) options.on_schedule();
      const bool go_on =
          !options.on_batch || options.on_batch(result.schedules, result.signatures.size());
      if (target.result().exhausted != 0) break;
      if (target.result().verdict == Verdict::kPassed) {
        if (!go_on) return result;
        continue;
      }
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

CampaignResult RunExhaustiveCampaign(const CampaignOptions& options) {
  CampaignResult result;
  Target target(options.command, options.timeout_s);
  result.error = target.Start();
  if (!result.error.empty()) return result;
  std::vector<Arm> none;
  const Clock::time_point begin = Clock::now();
  Learn(target, options, none);
  const Clock::time_point learned = Clock::now();
  ExhaustiveResult search = SearchExhaustively(
      target, options, options.bound, /*bound_delays=*/false, options.schedules,
      [](const Finding& finding) { return finding.verdict != Verdict::kPassed; });
  result.build_id = target.build_id();
  result.program = target.program();
  result.in_process = target.in_process();
  result.threads = target.result().thread_count;
  result.schedules = search.schedules;
  result.distinct = search.signatures.size();
  result.complete = search.complete;
  result.learn_seconds = std::chrono::duration<double>(learned - begin).count();
  result.seconds = std::chrono::duration<double>(Clock::now() - learned).count();
  if (search.finding.verdict == Verdict::kPassed) return result;
  result.failed = 1;
  result.first_index = search.finding.index;
  result.findings.push_back(std::move(search.finding));
  return result;
}

}  // namespace explore
