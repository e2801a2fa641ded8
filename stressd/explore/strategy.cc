#include "stressd/explore/strategy.h"

#include "stressd/explore/strategies/directed.h"
#include "stressd/explore/strategies/pct.h"
#include "stressd/explore/strategies/pos.h"
#include "stressd/explore/strategies/prefix.h"
#include "stressd/explore/strategies/random_walk.h"
#include "stressd/explore/strategies/starvation.h"
#include "stressd/explore/strategies/uniform_walk.h"

// A pure virtual call needs this symbol, which lives in the C++ library; C
// programs have none. The C++ library's own wins where there is one.
extern "C" __attribute__((weak)) void __cxa_pure_virtual() { __builtin_trap(); }

namespace explore {
namespace {

constinit RandomWalk g_random_walk;
constinit UniformWalk g_uniform_walk;
constinit Pct g_pct;
constinit Pos g_pos;
constinit Starvation g_starvation;
constinit Prefix g_prefix;
constinit Directed g_directed;

}  // namespace

void Strategy::Begin(Exchange* exchange, uint64_t seed) {
  exchange_ = exchange;
  random_ = Random(seed);
  seed_ = seed;
}

uint32_t Strategy::PickStore(uint32_t agent, uint64_t operations, uint32_t count) {
  return static_cast<uint32_t>(Mix(seed_, operations * kAgentCount + agent - kDrainAgent) % count);
}

uint32_t Strategy::Uniform(const ChoicePoint& point, int except) {
  if (except < 0 || point.count == 1) return point.agents[random_.Below(point.count)];
  const uint32_t position = random_.Below(point.count - 1);
  return point.agents[position < static_cast<uint32_t>(except) ? position : position + 1];
}

Strategy* FindStrategy(StrategyKind kind) {
  switch (kind) {
    case StrategyKind::kRandomWalk:
      return &g_random_walk;
    case StrategyKind::kUniformWalk:
      return &g_uniform_walk;
    case StrategyKind::kPct:
      return &g_pct;
    case StrategyKind::kPos:
      return &g_pos;
    case StrategyKind::kStarvation:
      return &g_starvation;
    case StrategyKind::kPrefix:
      return &g_prefix;
    case StrategyKind::kDirected:
      return &g_directed;
  }
  return &g_random_walk;
}

}  // namespace explore
