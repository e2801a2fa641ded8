#include "stressd/explore/strategies/prefix.h"

#include <stdio.h>

namespace explore {
namespace {

// Threads and drains that fit a Choice's mask.
constexpr uint32_t kMaskThreads = 32;

uint32_t Bit(uint32_t agent) {
  return agent < kDrainAgent ? agent : kMaskThreads + agent - kDrainAgent;
}

// What taking `bit` at `choice` counts against the bound.
uint32_t Cost(const Request& request, const Choice& choice, uint32_t bit) {
  // A drain is the memory's doing, not the scheduler's.
  if (bit >= kMaskThreads) return 0;
  if (request.bound_delays != 0) {
    const uint32_t from = choice.current == kNoBit ? 0 : choice.current;
    uint32_t passed = 0;
    for (uint32_t i = 0; i < kMaskThreads; ++i) {
      const uint32_t at = (from + i) % kMaskThreads;
      if (at == bit) return passed;
      if ((choice.enabled >> at & 1) != 0) ++passed;
    }
    return passed;
  }
  return choice.current != kNoBit && choice.current != bit ? 1 : 0;
}

}  // namespace

bool NextPrefix(Exchange* exchange, uint32_t run) {
  const Request& request = exchange->request;
  Result& result = exchange->result;
  if (request.strategy != StrategyKind::kPrefix) return true;
  if (run == 0 && request.restart != 0) {
    result.choice_count = result.prefix_count = 0;
    result.exhausted = 0;
    return true;
  }
  uint32_t spent = 0;
  for (uint32_t i = 0; i < result.choice_count; ++i) {
    spent += Cost(request, exchange->choices[i], exchange->choices[i].chosen);
  }
  for (uint32_t i = result.choice_count; i-- > 0;) {
    Choice& choice = exchange->choices[i];
    spent -= Cost(request, choice, choice.chosen);
    choice.tried |= uint64_t{1} << choice.chosen;
    for (uint64_t left = choice.enabled & ~choice.tried; left != 0; left &= left - 1) {
      const uint32_t bit = static_cast<uint32_t>(__builtin_ctzll(left));
      if (spent + Cost(request, choice, bit) > request.depth) continue;
      choice.chosen = static_cast<uint8_t>(bit);
      result.prefix_count = i + 1;
      return true;
    }
  }
  result.exhausted = 1;
  return false;
}

void Prefix::Begin(Exchange* exchange, uint64_t seed) {
  Strategy::Begin(exchange, seed);
  exchange->result.choice_count = exchange->result.prefix_count;
  next_ = 0;
}

uint32_t Prefix::Choose(const ChoicePoint& point) {
  Result& result = exchange_->result;
  const bool leave = point.MustLeave();
  Choice seen{};
  seen.current =
      point.current < 0 || leave ? kNoBit : static_cast<uint8_t>(Bit(point.agents[point.current]));
  const bool repeat = next_ < result.prefix_count;
  int chosen = -1;
  for (uint32_t i = 0; i < point.count; ++i) {
    const uint32_t bit = Bit(point.agents[i]);
    if (bit >= 64 || (leave && static_cast<int>(i) == point.current)) continue;
    seen.enabled |= uint64_t{1} << bit;
    if (repeat && bit == exchange_->choices[next_].chosen) chosen = static_cast<int>(i);
  }
  if (repeat && (chosen < 0 || seen.enabled != exchange_->choices[next_].enabled)) {
    NoteDivergence();
  }
  if (chosen < 0 && seen.current != kNoBit) chosen = point.current;
  for (uint32_t i = 0; chosen < 0 && i < point.count; ++i) {
    if (!leave || static_cast<int>(i) != point.current) chosen = static_cast<int>(i);
  }
  if (!repeat) {
    seen.chosen = static_cast<uint8_t>(Bit(point.agents[chosen]));
    Append(seen);
  }
  ++next_;
  return point.agents[chosen];
}

uint32_t Prefix::PickStore(uint32_t /*agent*/, uint64_t /*operations*/, uint32_t count) {
  Choice seen{};
  seen.current = kNoBit;
  seen.enabled = ((uint64_t{1} << count) - 1) << kMaskThreads;
  seen.chosen = kMaskThreads;
  if (next_ >= exchange_->result.prefix_count) {
    Append(seen);
  } else if (exchange_->choices[next_].enabled != seen.enabled) {
    NoteDivergence();
  } else {
    seen.chosen = exchange_->choices[next_].chosen;
  }
  ++next_;
  return seen.chosen - kMaskThreads;
}

void Prefix::NoteDivergence() {
  Result& result = exchange_->result;
  if (result.divergence != 0) return;
  result.divergence = next_ + 1;
  snprintf(result.divergence_note, sizeof(result.divergence_note),
           "decision %u has other possibilities than in the schedule before", next_ + 1);
}

void Prefix::Append(const Choice& choice) {
  Result& result = exchange_->result;
  if (result.choice_count == kMaxChoices) {
    ++result.dropped;
    return;
  }
  exchange_->choices[result.choice_count++] = choice;
}

}  // namespace explore
