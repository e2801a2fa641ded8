// Who runs next: the interface of all strategies.
//
// Model.  Before every operation that other threads might care about, the
// engine asks for one of the agents that can act: threads, and store buffers
// whose next store may drain. A strategy knows only what a ChoicePoint shows,
// so that the same request gives the same schedule.
// Invariants.  I1: Choose() returns one of the agents offered. I2: when
// `yielded` is set, staying with the current thread is right only if no other
// thread can act (spin loops must not starve the one they wait for).
// Thread safety.  The engine's OS thread only.
#ifndef STRESSD_EXPLORE_STRATEGY_H_
#define STRESSD_EXPLORE_STRATEGY_H_

#include <stdint.h>

#include "stressd/explore/exchange.h"
#include "stressd/explore/operation.h"
#include "stressd/explore/random.h"

namespace explore {

// What an agent would do next, and how far it got.
struct AgentView {
  Operation pending;
  uint64_t operations = 0;  // Announced; a buffer's: drained by choice.
  bool ended = false;
  bool waits = false;  // In its last operation, for somebody else.
};

struct ChoicePoint {
  const uint32_t* agents;  // That can act; ascending; at least two.
  uint32_t count;
  int current;  // Position of the running thread in `agents`; -1 if it cannot go on.
  bool yielded;
  const AgentView* views;  // By agent number.

  bool MustLeave() const {
    if (!yielded || current < 0) return false;
    for (uint32_t i = 0; i < count; ++i) {
      if (static_cast<int>(i) != current && agents[i] < kDrainAgent) return true;
    }
    return false;
  }
};

class Strategy {
 public:
  // A new schedule. `exchange` holds the request and lives as long.
  virtual void Begin(Exchange* exchange, uint64_t seed);
  // The number of the agent that acts next.
  virtual uint32_t Choose(const ChoicePoint& point) = 0;
  // Which of `count` stores, at least two and in program order, the drain `agent` lets go
  // that Choose() has named; `operations` counts its drains. As the seed says.
  virtual uint32_t PickStore(uint32_t agent, uint64_t operations, uint32_t count);

 protected:
  constexpr Strategy() = default;
  ~Strategy() = default;

  // A uniform choice that leaves out position `except` (-1: none).
  uint32_t Uniform(const ChoicePoint& point, int except);

  Exchange* exchange_ = nullptr;
  Random random_;
  uint64_t seed_ = 0;
};

// The strategy of that kind; one object each.
Strategy* FindStrategy(StrategyKind kind);

}  // namespace explore

#endif  // STRESSD_EXPLORE_STRATEGY_H_
