// Partial order sampling: every pending operation has a random priority, the
// highest runs, and operations that conflict with it draw a new one.
//
// Samples partial orders rather than interleavings: independent steps do not
// dilute the choice.
// Source.  Yuan, Yang, Gu, "Partial order aware concurrency sampling" (CAV 2018).
#ifndef STRESSD_EXPLORE_STRATEGIES_POS_H_
#define STRESSD_EXPLORE_STRATEGIES_POS_H_

#include "stressd/explore/strategy.h"

namespace explore {

class Pos final : public Strategy {
 public:
  void Begin(Exchange* exchange, uint64_t seed) override;
  uint32_t Choose(const ChoicePoint& point) override;

 private:
  uint64_t priority_[kAgentCount] = {};   // Of the pending operation; 0: to be drawn.
  uint64_t drawn_for_[kAgentCount] = {};  // The operation number it was drawn for.
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_STRATEGIES_POS_H_
