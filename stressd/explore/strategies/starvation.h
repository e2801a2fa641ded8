// Starvation windows: a random walk during which one agent at a time is kept
// from running for a stretch of random length.
//
// Reaches what needs one thread to be away for long: grace periods, recycled
// memory, stores that sit in a buffer. Every second schedule prefers to go on
// with the running thread, as a real scheduler would.
#ifndef STRESSD_EXPLORE_STRATEGIES_STARVATION_H_
#define STRESSD_EXPLORE_STRATEGIES_STARVATION_H_

#include "stressd/explore/strategy.h"

namespace explore {

class Starvation final : public Strategy {
 public:
  void Begin(Exchange* exchange, uint64_t seed) override;
  uint32_t Choose(const ChoicePoint& point) override;

 private:
  bool sticky_ = false;
  uint32_t victim_ = kAgentCount;  // kAgentCount: nobody.
  uint64_t left_ = 0;              // Steps until the window closes or opens.
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_STRATEGIES_STARVATION_H_
