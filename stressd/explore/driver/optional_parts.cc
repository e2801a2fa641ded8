#include "stressd/explore/driver/optional_parts.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <utility>
#include <vector>

#include "stressd/explore/driver/exhaustive.h"
#include "stressd/explore/random.h"

namespace explore {
namespace {

// Schedules spent at most on all parts: some ten seconds for a forked program.
constexpr uint64_t kAttemptLimit = 10000;
// And on one part: without preemptions, with up to two of them, of the portfolio.
constexpr uint64_t kCalmLimit = 1000;
constexpr uint64_t kSearchLimit = 2000;
constexpr uint64_t kRandomLimit = 300;
// Where every schedule runs to the step limit.
constexpr uint64_t kLivelockLimit = 100;
constexpr uint64_t kRandomSeed = 0x9a275;

// Numbers of threads, addresses and counts are not what a finding is about.
std::string WithoutNumbers(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (std::isdigit(static_cast<unsigned char>(text[i])) == 0) {
      result += text[i];
      continue;
    }
    while (i + 1 < text.size() && std::isalnum(static_cast<unsigned char>(text[i + 1])) != 0) ++i;
    result += '#';
  }
  return result;
}

std::string LastLine(const std::string& text) {
  const size_t end = text.find_last_not_of('\n');
  if (end == std::string::npos) return "";
  const size_t before = text.rfind('\n', end);
  const size_t begin = before == std::string::npos ? 0 : before + 1;
  return text.substr(begin, end + 1 - begin);
}

bool IsJudgedByCode(Verdict verdict) {
  return verdict == Verdict::kDataRace || verdict == Verdict::kUseAfterFree ||
         verdict == Verdict::kDoubleFree;
}

class PartReduction {
 public:
  PartReduction(Target& target, const CampaignOptions& options, Minimized present)
      : target_(target), options_(options), best_(std::move(present)), wanted_(best_.finding) {}

  Minimized Run() {
    const Calm whole = RunCalmly(options_);
    may_fail_calmly_ = whole.failed > 0;
    // It never works: nothing tells whether a smaller one should.
    if (whole.passed == 0) return Finish();
    bool improved = true;
    while (improved) {
      improved = false;
      for (uint32_t part = 0; part < kMaxParts; ++part) {
        const uint64_t bit = uint64_t{1} << part;
        if ((best_.asked_parts & ~best_.left_out & bit) == 0) continue;
        if (spent_ >= kAttemptLimit) return Finish();
        if (TryWithout(bit)) improved = true;
      }
    }
    return Finish();
  }

 private:
  // What the calm schedules came to, up to the first with another defect.
  struct Calm {
    uint64_t passed = 0;
    uint64_t failed = 0;
    bool is_complete = false;
    bool has_other_defect = false;
    uint64_t asked_parts = 0;
  };

  Minimized Finish() {
    best_.attempts += spent_;
    return std::move(best_);
  }

  bool TryWithout(uint64_t bit) {
    CampaignOptions options = options_;
    options.left_out = best_.left_out | bit;
    const Calm calm = RunCalmly(options);
    if (!IsSound(calm)) return false;
    const Finding found = Search(options);
    if (found.verdict == Verdict::kPassed) return false;
    Minimized smaller = MinimizePreemptions(target_, options, found, [this](const Finding& other) {
      return IsSameDefect(wanted_, other);
    });
    spent_ += smaller.attempts;
    if (smaller.finding.preemptions > best_.finding.preemptions) return false;
    best_.finding = std::move(smaller.finding);
    best_.switches = smaller.switches;
    // What nobody asks for any more has gone with it: the operations of a thread.
    best_.left_out = options.left_out | (best_.asked_parts & ~calm.asked_parts);
    return true;
  }

  // The guard: what is left works by itself.
  bool IsSound(const Calm& calm) const {
    if (may_fail_calmly_) return calm.passed > 0 && !calm.has_other_defect;
    return calm.is_complete && calm.failed == 0;
  }

  Calm RunCalmly(CampaignOptions options) {
    options.model = MemoryModel::kSequential;
    options.eager_timeouts = false;
    // A race is there in calm schedules too; whether it is the same one, its code tells.
    if (wanted_.verdict == Verdict::kDataRace) options.detect_races = false;
    Calm calm;
    const ExhaustiveResult search =
        SearchExhaustively(target_, options, /*bound=*/0, /*bound_delays=*/false, kCalmLimit,
                           [&](const Finding& finding) {
                             ++calm.failed;
                             return !IsSameDefect(wanted_, finding);
                           });
    spent_ += search.schedules;
    calm.passed = search.schedules - calm.failed;
    calm.is_complete = search.complete;
    calm.has_other_defect = search.finding.verdict != Verdict::kPassed;
    calm.asked_parts = search.asked_parts;
    return calm;
  }

  Finding Search(const CampaignOptions& options) {
    const bool livelock = wanted_.verdict == Verdict::kLivelock;
    const uint32_t bound = static_cast<uint32_t>(std::min<uint64_t>(2, best_.finding.preemptions));
    const auto same = [this](const Finding& finding) { return IsSameDefect(wanted_, finding); };
    ExhaustiveResult search = SearchExhaustively(target_, options, bound, /*bound_delays=*/false,
                                                 livelock ? kLivelockLimit : kSearchLimit, same);
    spent_ += search.schedules;
    if (search.finding.verdict != Verdict::kPassed) return std::move(search.finding);
    // There is none with as few preemptions.
    if (search.complete && bound == best_.finding.preemptions) return Finding{};
    std::vector<Arm> arms = Portfolio();
    EstimateSteps(target_, options, arms);
    for (uint64_t i = 0; i < (livelock ? kLivelockLimit : kRandomLimit); ++i) {
      ++spent_;
      const ScheduleName name{arms[i % arms.size()], options.model, Mix(kRandomSeed, i)};
      Finding finding = RunNamed(target_, options, name, /*trace=*/false);
      if (same(finding)) return finding;
    }
    return Finding{};
  }

  Target& target_;
  const CampaignOptions& options_;
  Minimized best_;
  const Finding wanted_;
  bool may_fail_calmly_ = false;
  uint64_t spent_ = 0;
};

}  // namespace

bool IsSameDefect(const Finding& a, const Finding& b) {
  if (a.verdict != b.verdict || a.status != b.status) return false;
  if (IsJudgedByCode(a.verdict)) return SitesOf(a) == SitesOf(b);
  return WithoutNumbers(a.message) == WithoutNumbers(b.message) &&
         WithoutNumbers(LastLine(a.output)) == WithoutNumbers(LastLine(b.output));
}

Minimized LeaveOutParts(Target& target, const CampaignOptions& options, Minimized present) {
  if (present.asked_parts == 0) return present;
  return PartReduction(target, options, std::move(present)).Run();
}

std::string PartsText(uint64_t left_out, uint64_t asked_parts) {
  std::string text;
  for (uint32_t part = 0; part < kMaxParts; ++part) {
    if ((left_out >> part & 1) != 0) text += (text.empty() ? "" : ", ") + std::to_string(part);
  }
  return (std::popcount(left_out) == 1 ? "part " : "parts ") + text + " (" +
         std::to_string(std::popcount(left_out)) + " of " +
         std::to_string(std::popcount(asked_parts)) + ")";
}

}  // namespace explore
