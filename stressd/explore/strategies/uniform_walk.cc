#include "stressd/explore/strategies/uniform_walk.h"

#include <string.h>

namespace explore {

void UniformWalk::Begin(Exchange* exchange, uint64_t seed) {
  Strategy::Begin(exchange, seed);
  memset(taken_, 0, sizeof(taken_));
}

uint32_t UniformWalk::Weight(uint32_t agent) const {
  // A drain, a thread never seen before and one past its estimate weigh 1.
  if (agent >= kDrainAgent) return 1;
  const uint64_t expected = exchange_->request.thread_steps[agent];
  if (expected <= taken_[agent]) return 1;
  const uint64_t left = expected - taken_[agent];
  return left > (1 << 20) ? 1 << 20 : static_cast<uint32_t>(left);
}

uint32_t UniformWalk::Choose(const ChoicePoint& point) {
  const int except = point.MustLeave() ? point.current : -1;
  uint32_t total = 0;
  for (uint32_t i = 0; i < point.count; ++i) {
    if (static_cast<int>(i) != except) total += Weight(point.agents[i]);
  }
  uint32_t ticket = random_.Below(total);
  uint32_t chosen = point.agents[0];
  for (uint32_t i = 0; i < point.count; ++i) {
    if (static_cast<int>(i) == except) continue;
    chosen = point.agents[i];
    const uint32_t weight = Weight(chosen);
    if (ticket < weight) break;
    ticket -= weight;
  }
  if (chosen < kDrainAgent) ++taken_[chosen];
  return chosen;
}

}  // namespace explore
