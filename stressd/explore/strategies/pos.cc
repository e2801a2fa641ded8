#include "stressd/explore/strategies/pos.h"

#include <string.h>

namespace explore {

void Pos::Begin(Exchange* exchange, uint64_t seed) {
  Strategy::Begin(exchange, seed);
  memset(priority_, 0, sizeof(priority_));
}

uint32_t Pos::Choose(const ChoicePoint& point) {
  const int except = point.MustLeave() ? point.current : -1;
  int best = -1;
  for (uint32_t i = 0; i < point.count; ++i) {
    const uint32_t agent = point.agents[i];
    const uint64_t operation = point.views[agent].operations + 1;
    if (priority_[agent] == 0 || drawn_for_[agent] != operation) {
      priority_[agent] = random_.Next() | 1;
      drawn_for_[agent] = operation;
    }
    if (static_cast<int>(i) == except) continue;
    if (best < 0 || priority_[agent] > priority_[point.agents[best]]) best = static_cast<int>(i);
  }
  const uint32_t chosen = point.agents[best];
  const Operation& executed = point.views[chosen].pending;
  for (uint32_t i = 0; i < point.count; ++i) {
    const uint32_t agent = point.agents[i];
    if (agent == chosen || Conflict(executed, point.views[agent].pending)) priority_[agent] = 0;
  }
  return chosen;
}

}  // namespace explore
