// Prng: the only source of randomness of a run.
//
// Model.  xoshiro256** whose state is filled from (seed, stream) by a mixer
//   that is unrelated to the generator's own step, so that neighbouring seeds
//   and neighbouring streams give unrelated sequences. Every thread of a run
//   draws from a stream of its own: Stream(k).
// Thread safety.  None: one thread uses one Prng.
// Fork.  A child that wants other draws than its parent takes a Stream().

#ifndef STRESSD_HOST_SCENARIO_PRNG_H_
#define STRESSD_HOST_SCENARIO_PRNG_H_

#include <cstdint>

namespace stressd::host {

class Prng {
 public:
  explicit Prng(uint64_t seed, uint64_t stream = 0);

  // Returns the next 64 random bits.
  uint64_t Next();

  // Returns a uniformly drawn number in [0, bound). `bound` is at least 1.
  uint64_t Below(uint64_t bound);

  // Returns a uniformly drawn number in [low, high], both ends included.
  int64_t Between(int64_t low, int64_t high);

  // Returns true `numerator` times out of `denominator`.
  bool Chance(uint64_t numerator, uint64_t denominator);

  // Returns a generator for stream `stream` of the same seed. Does not depend
  // on how much was drawn from this one.
  Prng Stream(uint64_t stream) const;

  // Returns a generator with a seed of its own, mixed from this one's seed and
  // stream and from `index`: the root of the streams of one round. Does not
  // depend on how much was drawn from this one.
  Prng Child(uint64_t index) const;

  uint64_t seed() const { return seed_; }

 private:
  uint64_t seed_;
  uint64_t stream_;
  uint64_t state_[4];
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIO_PRNG_H_
