// RoundLoop: how often a scenario repeats its work, and each round's draws.
//
// Model.  Without a duration the loop makes the declared number of rounds. With
//   one it makes rounds until the duration has passed, be that fewer or more
//   than declared; the round under way then may end early. A run that was
//   cancelled makes no more rounds.
// Invariants.  L1: a loop that is not cancelled makes at least one round. L2:
//   what `prng` draws in round r depends on its seed and stream and on r, not on
//   what earlier rounds drew.
// Thread safety.  One thread. Several loops of one context may run at a time,
//   each with a Prng of its own.

#ifndef STRESSD_HOST_SCENARIO_ROUND_LOOP_H_
#define STRESSD_HOST_SCENARIO_ROUND_LOOP_H_

#include <cstdint>

#include "stressd/host/scenario/prng.h"
#include "stressd/host/scenario/scenario_context.h"

namespace stressd::host {

class RoundLoop {
 public:
  // Repeats `declared_count` times, at least 1. Sets `prng` anew for each round;
  // it must outlive the loop. The context's own also gives the streams of the
  // workers that the round starts.
  RoundLoop(const ScenarioContext& context, Prng& prng, int64_t declared_count)
      : context_(context), prng_(prng), root_(prng), declared_count_(declared_count) {}

  // Begins the next round. Returns false when the loop is over.
  [[nodiscard]] bool Next() {
    if (context_.IsCancelled()) return false;
    if (context_.has_duration()) {
      if (begun_count_ > 0 && context_.ShouldStop()) return false;
    } else if (begun_count_ >= declared_count_) {
      return false;
    }
    prng_ = root_.Child(static_cast<uint64_t>(begun_count_));
    ++begun_count_;
    return true;
  }

  // Rounds begun so far: the number of the current one, counted from 1.
  int64_t begun_count() const { return begun_count_; }

 private:
  const ScenarioContext& context_;
  Prng& prng_;
  const Prng root_;
  const int64_t declared_count_;
  int64_t begun_count_ = 0;
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIO_ROUND_LOOP_H_
