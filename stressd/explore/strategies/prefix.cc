#include "stressd/explore/strategies/prefix.h"

namespace explore {
namespace {

// Threads and drains that fit a Choice's mask.
constexpr uint32_t kMaskThreads = 32;

uint32_t Bit(uint32_t agent) {
  return agent < kDrainAgent ? agent : kMaskThreads + agent - kDrainAgent;
}

}  // namespace

void Prefix::Begin(Exchange* exchange, uint64_t seed) {
  Strategy::Begin(exchange, seed);
  next_ = 0;
}

uint32_t Prefix::Choose(const ChoicePoint& point) {
  Choice choice{};
  choice.current = point.current < 0 ? 255 : static_cast<uint8_t>(Bit(point.agents[point.current]));
  choice.yielded = point.MustLeave() ? 1 : 0;
  int wanted = -1;
  const Request& request = exchange_->request;
  if (next_ < request.choice_count) wanted = exchange_->requested_choices[next_].chosen;
  int chosen = -1;
  for (uint32_t i = 0; i < point.count; ++i) {
    const uint32_t bit = Bit(point.agents[i]);
    if (bit >= 64) continue;
    if (choice.yielded && static_cast<int>(i) == point.current) continue;
    choice.enabled |= uint64_t{1} << bit;
    if (static_cast<int>(bit) == wanted) chosen = static_cast<int>(i);
  }
  if (chosen < 0 && wanted >= 0 && exchange_->result.divergence == 0) {
    exchange_->result.divergence = next_ + 1;
  }
  if (chosen < 0 && point.current >= 0 && !choice.yielded) chosen = point.current;
  for (uint32_t i = 0; chosen < 0 && i < point.count; ++i) {
    if (static_cast<int>(i) != point.current) chosen = static_cast<int>(i);
  }
  choice.chosen = static_cast<uint8_t>(Bit(point.agents[chosen]));
  Result& result = exchange_->result;
  if (result.choice_count < kMaxChoices) {
    exchange_->choices[result.choice_count++] = choice;
  } else {
    ++result.dropped;
  }
  ++next_;
  return point.agents[chosen];
}

}  // namespace explore
