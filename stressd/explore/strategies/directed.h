// Directed: follows recorded segments ("thread 1 up to its operation 17").
//
// Segments count a thread's own operations, so they mean the same in any
// process, and in a rebuilt program as long as the threads do the same. Where
// the program leaves the record, the first such segment is noted and the rest
// is followed as far as it goes.
#ifndef STRESSD_EXPLORE_STRATEGIES_DIRECTED_H_
#define STRESSD_EXPLORE_STRATEGIES_DIRECTED_H_

#include "stressd/explore/strategy.h"

namespace explore {

class Directed final : public Strategy {
 public:
  void Begin(Exchange* exchange, uint64_t seed) override;
  uint32_t Choose(const ChoicePoint& point) override;
  uint32_t PickStore(uint32_t agent, uint64_t operations, uint32_t count) override;

 private:
  void Diverge(const char* reason);

  uint32_t next_ = 0;  // Of the requested segments.
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_STRATEGIES_DIRECTED_H_
