#include "stressd/explore/strategies/starvation.h"

namespace explore {
namespace {

// A sticky schedule leaves the running thread once in 8 steps.
constexpr uint32_t kStickiness = 8;

// A length whose logarithm is uniform, up to about `limit`.
uint64_t LogUniform(Random& random, uint64_t limit) {
  uint32_t bits = 1;
  while (bits < 30 && (uint64_t{1} << bits) < limit) ++bits;
  return 1 + random.Below(uint32_t{1} << (1 + random.Below(bits)));
}

}  // namespace

void Starvation::Begin(Exchange* exchange, uint64_t seed) {
  Strategy::Begin(exchange, seed);
  sticky_ = random_.Below(2) == 0;
  victim_ = kAgentCount;
  left_ = LogUniform(random_, exchange->request.step_estimate);
}

uint32_t Starvation::Choose(const ChoicePoint& point) {
  if (left_-- == 0) {
    victim_ = victim_ == kAgentCount ? Uniform(point, -1) : kAgentCount;
    left_ = LogUniform(random_, exchange_->request.step_estimate);
  }
  const int except = point.MustLeave() ? point.current : -1;
  if (sticky_ && except < 0 && point.current >= 0 && point.agents[point.current] != victim_ &&
      random_.Below(kStickiness) != 0) {
    return point.agents[point.current];
  }
  uint32_t chosen = Uniform(point, except);
  // The victim runs when it is the only one left to choose.
  for (uint32_t i = 0; chosen == victim_ && i < point.count; ++i) {
    if (static_cast<int>(i) != except && point.agents[i] != victim_) chosen = point.agents[i];
  }
  return chosen;
}

}  // namespace explore
