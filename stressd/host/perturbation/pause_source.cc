#include "stressd/host/perturbation/pause_source.h"

#include <algorithm>
#include <bit>
#include <string>

#include "stressd/host/perturbation/point_name.h"

namespace stressd::host {
namespace {

using protocol::PlanKind;
using protocol::PlanPart;

constexpr int64_t kNanosecondsPerMicrosecond = 1000;
// 64: of a few hundred points that a run reaches, a handful.
constexpr uint64_t kFocusShare = 64;
constexpr uint64_t kLownessCount = 8;
// 11: lowness 7 pauses at one pass in 2^4, lowness 1 at one in 2^10.
constexpr int kLownessBits = 11;
// 64 ns: shorter than a miss of the cache is no delay.
constexpr int kLeastDelayBits = 6;

PausePlan::Strength StrengthOf(const PlanPart& part, uint64_t yield_percent) {
  return {part.Get("max_delay_us") * kNanosecondsPerMicrosecond, yield_percent};
}

uint64_t Number(const PlanPart& part, absl::string_view field) {
  return static_cast<uint64_t>(part.Get(field));
}

PointSet SetOf(const PlanPart& part) {
  PointSet set;
  for (const std::string& name : part.points) {
    set.hashes[set.count++] = PointHash(std::string_view(name));
  }
  return set;
}

// Spreads a hash: all bits of the key reach the low ones.
uint64_t Spread(uint64_t value) {
  value = (value ^ (value >> 32)) * 0xd6e8feb86659fd93u;
  return value ^ (value >> 32);
}

}  // namespace

bool PointSet::Contains(uint64_t hash) const {
  return count == 0 ||
         std::find(hashes.begin(), hashes.begin() + count, hash) != hashes.begin() + count;
}

PausePlan::PausePlan(const protocol::Plan& plan) {
  if (const PlanPart* const part = plan.Find(PlanKind::kUniform)) {
    uniform_mean = std::max<uint64_t>(1, 1'000'000 / Number(*part, "per_million"));
    uniform = StrengthOf(*part, Number(*part, "yield_percent"));
  }
  if (const PlanPart* const part = plan.Find(PlanKind::kFocus)) {
    focus_percent = Number(*part, "percent");
    focus_period = Number(*part, "period_count");
    focus = StrengthOf(*part, Number(*part, "yield_percent"));
    focus_points = SetOf(*part);
  }
  if (const PlanPart* const part = plan.Find(PlanKind::kPct)) {
    pct_segment_mean =
        std::max<uint64_t>(1, Number(*part, "window_count") / Number(*part, "depth"));
    pct = StrengthOf(*part, 50);
  }
  if (const PlanPart* const part = plan.Find(PlanKind::kStarve)) {
    starve_mean = Number(*part, "period_count");
    starve_ns = part->Get("window_us") * kNanosecondsPerMicrosecond;
  }
  if (const PlanPart* const part = plan.Find(PlanKind::kSlowPaths)) {
    slow_path_per_million = Number(*part, "per_million");
    slow_path_points = SetOf(*part);
  }
  if (const PlanPart* const part = plan.Find(PlanKind::kAllocFailure)) {
    failure_per_million = Number(*part, "per_million");
    failure_points = SetOf(*part);
  }
}

bool PausePlan::has_pauses() const {
  return uniform_mean != 0 || focus_percent != 0 || pct_segment_mean != 0 || starve_mean != 0;
}

PauseSource::PauseSource(const PausePlan* plan, uint64_t seed, uint64_t stream)
    : plan_(plan), prng_(seed, stream) {
  if (plan_->uniform_mean != 0) uniform_left_ = DrawAbout(plan_->uniform_mean);
  if (plan_->starve_mean != 0) starve_left_ = DrawAbout(plan_->starve_mean);
}

uint64_t PauseSource::DrawAbout(uint64_t mean) { return 1 + prng_.Below(2 * mean - 1); }

Pause PauseSource::DrawPause(const PausePlan::Strength& strength) {
  const bool yields = prng_.Below(100) < strength.yield_percent;
  if (yields || strength.max_delay_ns == 0) return {Pause::Kind::kYield, 0};
  // The logarithm is uniform: what a race needs may be 100 ns or 100 us.
  const int most_bits = std::bit_width(static_cast<uint64_t>(strength.max_delay_ns)) - 1;
  const uint64_t bits =
      kLeastDelayBits +
      prng_.Below(static_cast<uint64_t>(std::max(1, most_bits - kLeastDelayBits + 1)));
  const auto least = static_cast<int64_t>(uint64_t{1} << bits);
  return {Pause::Kind::kDelay,
          std::min(strength.max_delay_ns, prng_.Between(least, 2 * least - 1))};
}

bool PauseSource::FocusWants(uint64_t point_hash) {
  if (plan_->focus_points.count != 0) {
    if (!plan_->focus_points.Contains(point_hash)) return false;
  } else {
    if (focus_left_ == 0) {
      focus_key_ = prng_.Next();
      focus_left_ = plan_->focus_period;
    }
    --focus_left_;
    if (Spread(point_hash ^ focus_key_) % kFocusShare != 0) return false;
  }
  return prng_.Below(100) < plan_->focus_percent;
}

bool PauseSource::PctWants() {
  if (pct_left_ == 0) {
    pct_lowness_ = static_cast<int>(prng_.Below(kLownessCount));
    pct_left_ = DrawAbout(plan_->pct_segment_mean);
  }
  --pct_left_;
  if (pct_lowness_ == 0) return false;
  const uint64_t mask = (uint64_t{1} << (kLownessBits - pct_lowness_)) - 1;
  return (prng_.Next() & mask) == 0;
}

Pause PauseSource::Next(uint64_t point_hash) {
  Pause pause;
  if (plan_->uniform_mean != 0 && --uniform_left_ == 0) {
    uniform_left_ = DrawAbout(plan_->uniform_mean);
    pause = DrawPause(plan_->uniform);
  }
  if (plan_->focus_percent != 0 && FocusWants(point_hash)) pause = DrawPause(plan_->focus);
  if (plan_->pct_segment_mean != 0 && PctWants()) pause = DrawPause(plan_->pct);
  if (plan_->starve_mean != 0 && --starve_left_ == 0) {
    starve_left_ = DrawAbout(plan_->starve_mean);
    pause = {Pause::Kind::kDelay, plan_->starve_ns};
  }
  return pause;
}

bool PauseSource::TakesSlowPath(uint64_t name_hash) {
  return plan_->slow_path_per_million != 0 && plan_->slow_path_points.Contains(name_hash) &&
         prng_.Below(1'000'000) < plan_->slow_path_per_million;
}

bool PauseSource::FailsAllocation(uint64_t name_hash) {
  return plan_->failure_per_million != 0 && plan_->failure_points.Contains(name_hash) &&
         prng_.Below(1'000'000) < plan_->failure_per_million;
}

}  // namespace stressd::host
