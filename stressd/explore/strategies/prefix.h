// Prefix: the first choices are given, after them nobody is preempted.
//
// The driver searches exhaustively by sending ever new prefixes and reading
// back which choices there were.
#ifndef STRESSD_EXPLORE_STRATEGIES_PREFIX_H_
#define STRESSD_EXPLORE_STRATEGIES_PREFIX_H_

#include "stressd/explore/strategy.h"

namespace explore {

class Prefix final : public Strategy {
 public:
  void Begin(Exchange* exchange, uint64_t seed) override;
  uint32_t Choose(const ChoicePoint& point) override;

 private:
  uint32_t next_ = 0;
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_STRATEGIES_PREFIX_H_
