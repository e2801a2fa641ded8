// Random walk: every agent that can act is equally likely, at every step.
//
// Strong on balanced threads; starves a long thread of late switches, because a
// short one ends early.
#ifndef STRESSD_EXPLORE_STRATEGIES_RANDOM_WALK_H_
#define STRESSD_EXPLORE_STRATEGIES_RANDOM_WALK_H_

#include "stressd/explore/strategy.h"

namespace explore {

class RandomWalk final : public Strategy {
 public:
  uint32_t Choose(const ChoicePoint& point) override {
    return Uniform(point, point.MustLeave() ? point.current : -1);
  }
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_STRATEGIES_RANDOM_WALK_H_
