// Exhaustive search, depth first: every schedule within a bound, once.
//
// Model.  A schedule is its list of decisions. The first `prefix_count` of the
// last schedule's are repeated, after them the running thread goes on as long
// as it can. NextPrefix() then changes the last decision that has an untried
// possibility within the bound. The list lives in the exchange, so that the
// search goes on from one forked child to the next.
// Bounds.  Request::depth preemptions, or delays: how many agents, in order of
// their numbers from the running thread on, each decision passes over.
// Limits.  32 threads; beyond that, decisions about the others are not varied.
// Source.  Musuvathi, Qadeer, "Iterative context bounding" (PLDI 2007); Emmi,
// Qadeer, Rakamaric, "Delay-bounded scheduling" (POPL 2011).
#ifndef STRESSD_EXPLORE_STRATEGIES_PREFIX_H_
#define STRESSD_EXPLORE_STRATEGIES_PREFIX_H_

#include "stressd/explore/strategy.h"

namespace explore {

class Prefix final : public Strategy {
 public:
  void Begin(Exchange* exchange, uint64_t seed) override;
  uint32_t Choose(const ChoicePoint& point) override;
  uint32_t PickStore(uint32_t agent, uint64_t operations, uint32_t count) override;

 private:
  void NoteDivergence();
  void Append(const Choice& choice);

  uint32_t next_ = 0;
};

// Prepares the search's next schedule; `run` is its number in the batch. False
// when there is none left, which Result::exhausted says too. True, and nothing
// done, for every other strategy.
bool NextPrefix(Exchange* exchange, uint32_t run);

}  // namespace explore

#endif  // STRESSD_EXPLORE_STRATEGIES_PREFIX_H_
