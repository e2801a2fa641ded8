#include "stressd/explore/driver/minimizer.h"

#include <utility>

#include "stressd/explore/driver/exhaustive.h"
#include "stressd/explore/driver/optional_parts.h"

namespace explore {
namespace {

// Schedules spent at most: a second or two for a forked program.
constexpr uint64_t kAttemptLimit = 3000;
// Where every schedule runs to the step limit.
constexpr uint64_t kLivelockAttemptLimit = 100;
// Besides them, those that look for a shorter schedule from scratch.
constexpr uint64_t kSearchLimit = 2000;

class Minimizer {
 public:
  Minimizer(Target& target, const CampaignOptions& options, const Finding& finding,
            const std::function<bool(const Finding&)>& same)
      : target_(target), options_(options), original_(finding), same_(same) {
    best_.finding = finding;
    limit_ = finding.verdict == Verdict::kLivelock ? kLivelockAttemptLimit : kAttemptLimit;
  }

  Minimized Run() {
    Reduce();
    // 2: what most findings need, and short enough to read.
    if (best_.finding.preemptions > 2) {
      while (ReducePairs()) Reduce();
    }
    if (best_.finding.preemptions > 0 && original_.verdict != Verdict::kLivelock) {
      Search();
      Reduce();
    }
    for (const Segment& segment : best_.finding.segments) {
      best_.switches += segment.reason != SwitchReason::kDrained ? 1 : 0;
    }
    return std::move(best_);
  }

 private:
  bool Better(const Finding& finding) const {
    if (!same_(finding)) return false;
    if (finding.preemptions != best_.finding.preemptions) {
      return finding.preemptions < best_.finding.preemptions;
    }
    return finding.segments.size() < best_.finding.segments.size();
  }

  bool Try(const std::vector<Segment>& segments) {
    ++best_.attempts;
    Finding finding =
        RunSegments(target_, options_, segments, original_.schedule.seed, /*trace=*/false);
    if (!Better(finding)) return false;
    finding.schedule = original_.schedule;
    best_.finding = std::move(finding);
    return true;
  }

  // The segments with number `index` put off until its agent's next one, or
  // extended to the end of it.
  static std::vector<Segment> Dropped(const std::vector<Segment>& segments, size_t index) {
    std::vector<Segment> result = segments;
    result.erase(result.begin() + static_cast<long>(index));
    return result;
  }
  static std::vector<Segment> Extended(const std::vector<Segment>& segments, size_t index) {
    std::vector<Segment> result = segments;
    for (size_t next = index + 1; next < result.size(); ++next) {
      if (result[next].agent != result[index].agent) continue;
      result[index] = result[next];
      result.erase(result.begin() + static_cast<long>(next));
      break;
    }
    return result;
  }

  void Reduce() {
    bool improved = true;
    while (improved && best_.attempts < limit_) {
      improved = false;
      for (size_t i = 0; i < best_.finding.segments.size(); ++i) {
        if (best_.attempts >= limit_) return;
        const std::vector<Segment> present = best_.finding.segments;
        if (Try(Extended(present, i)) || Try(Dropped(present, i))) {
          improved = true;
          // The list has changed here: look at this place again.
          if (i > 0) --i;
        }
      }
    }
  }

  // Two moves at once, which gets over what no single move improves.
  bool ReducePairs() {
    const std::vector<Segment> present = best_.finding.segments;
    for (size_t i = 0; i < present.size(); ++i) {
      for (const bool extend_first : {true, false}) {
        const std::vector<Segment> once = extend_first ? Extended(present, i) : Dropped(present, i);
        for (size_t j = i; j < once.size(); ++j) {
          if (best_.attempts >= limit_) return false;
          if (Try(Extended(once, j)) || Try(Dropped(once, j))) return true;
        }
      }
    }
    return false;
  }

  void Search() {
    // One preemption less than now, but never more than two: beyond that there
    // are too many.
    const uint32_t bound =
        static_cast<uint32_t>(best_.finding.preemptions > 3 ? 2 : best_.finding.preemptions - 1);
    ExhaustiveResult search =
        SearchExhaustively(target_, options_, bound, /*bound_delays=*/false, kSearchLimit,
                           [this](const Finding& finding) { return Better(finding); });
    best_.attempts += search.schedules;
    if (search.finding.verdict == Verdict::kPassed) return;
    original_.schedule = search.finding.schedule;
    best_.finding = std::move(search.finding);
  }

  Target& target_;
  const CampaignOptions& options_;
  Finding original_;
  const std::function<bool(const Finding&)>& same_;
  Minimized best_;
  uint64_t limit_ = 0;
};

}  // namespace

Minimized MinimizePreemptions(Target& target, const CampaignOptions& options,
                              const Finding& finding,
                              const std::function<bool(const Finding&)>& same) {
  return Minimizer(target, options, finding, same).Run();
}

Minimized Minimize(Target& target, const CampaignOptions& options, const Finding& finding) {
  const auto same = [&](const Finding& other) {
    return other.verdict == finding.verdict && other.status == finding.status;
  };
  Minimized present = MinimizePreemptions(target, options, finding, same);
  // Asked for before it ends like this, and by a schedule that nobody is preempted in.
  for (const auto& segments : {present.finding.segments, std::vector<Segment>()}) {
    present.asked_parts |=
        RunSegments(target, options, segments, present.finding.schedule.seed, /*trace=*/false)
            .asked_parts;
  }
  return LeaveOutParts(target, options, std::move(present));
}

}  // namespace explore
