#include "stressd/explore/strategies/pct.h"

#include <string.h>

namespace explore {
namespace {

// Drawn priorities have this bit, priorities after a change or a yield do not.
constexpr uint64_t kDrawn = uint64_t{1} << 63;
// Steps assumed when nothing is known of the program yet.
constexpr uint64_t kUnknownSteps = 100;

}  // namespace

void Pct::Begin(Exchange* exchange, uint64_t seed) {
  Strategy::Begin(exchange, seed);
  memset(priority_, 0, sizeof(priority_));
  step_ = 0;
  lowest_ = kDrawn - 1;
  const uint32_t depth = exchange->request.depth;
  change_count_ = depth <= 1 ? 0 : (depth > kMaxDepth ? kMaxDepth : depth) - 1;
  uint64_t steps = exchange->request.step_estimate;
  if (steps == 0) steps = kUnknownSteps;
  for (uint32_t i = 0; i < change_count_; ++i) {
    change_at_[i] = 1 + random_.Below(static_cast<uint32_t>(steps));
  }
}

uint32_t Pct::Highest(const ChoicePoint& point) {
  uint32_t best = point.agents[0];
  for (uint32_t i = 0; i < point.count; ++i) {
    uint64_t& priority = priority_[point.agents[i]];
    if (priority == 0) priority = random_.Next() | kDrawn;
    if (priority > priority_[best]) best = point.agents[i];
  }
  return best;
}

uint32_t Pct::Choose(const ChoicePoint& point) {
  ++step_;
  if (point.yielded && point.current >= 0) priority_[point.agents[point.current]] = lowest_--;
  uint32_t best = Highest(point);
  for (uint32_t i = 0; i < change_count_; ++i) {
    if (change_at_[i] != step_) continue;
    priority_[best] = lowest_--;
    best = Highest(point);
  }
  if (point.MustLeave() && best == point.agents[point.current])
    best = Uniform(point, point.current);
  return best;
}

}  // namespace explore
