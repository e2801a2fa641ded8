// PCT: random priorities, and d-1 random moments at which the running thread's
// priority drops below all others.
//
// Finds a bug of depth d with probability at least 1 / (n k^(d-1)) per schedule
// of n threads and k steps. A store buffer is an agent with a priority of its
// own. A yield drops the yielding thread below everybody.
// Source.  Burckhardt, Kothari, Musuvathi, Nagarakatte, "A randomized scheduler
// with probabilistic guarantees of finding bugs" (ASPLOS 2010).
#ifndef STRESSD_EXPLORE_STRATEGIES_PCT_H_
#define STRESSD_EXPLORE_STRATEGIES_PCT_H_

#include "stressd/explore/strategy.h"

namespace explore {

class Pct final : public Strategy {
 public:
  static constexpr uint32_t kMaxDepth = 8;

  void Begin(Exchange* exchange, uint64_t seed) override;
  uint32_t Choose(const ChoicePoint& point) override;

 private:
  uint32_t Highest(const ChoicePoint& point);

  uint64_t priority_[kAgentCount] = {};  // 0: not drawn yet.
  uint64_t change_at_[kMaxDepth] = {};   // Step numbers, in no order.
  uint32_t change_count_ = 0;
  uint64_t step_ = 0;
  uint64_t lowest_ = 0;  // Below every priority given so far.
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_STRATEGIES_PCT_H_
