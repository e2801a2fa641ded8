// Uniform random walk: an agent's chance is proportional to the steps it is
// expected to have left, so that all interleavings of the threads' steps are
// about equally likely.
//
// Source.  Zhao, Wolff, Mathur, Roychoudhury, "Selectively uniform concurrency
// testing" (ASPLOS 2025), for the weighting.
#ifndef STRESSD_EXPLORE_STRATEGIES_UNIFORM_WALK_H_
#define STRESSD_EXPLORE_STRATEGIES_UNIFORM_WALK_H_

#include "stressd/explore/strategy.h"

namespace explore {

class UniformWalk final : public Strategy {
 public:
  void Begin(Exchange* exchange, uint64_t seed) override;
  uint32_t Choose(const ChoicePoint& point) override;

 private:
  uint32_t Weight(uint32_t agent) const;

  uint64_t taken_[kMaxThreads] = {};
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_STRATEGIES_UNIFORM_WALK_H_
