// Random numbers of the controlled engine: SplitMix64, the same on every machine.
//
// Model.  A seed is never used as it is: Mix() spreads it over all 64 bits, so
// that seeds 7 and 8 give unrelated schedules. A schedule's seed is
// Mix(base seed, index), so one campaign's schedules can be drawn in any order.
// Thread safety.  A Random belongs to one thread.
// Source.  Steele, Lea, Flood, "Fast splittable pseudorandom number generators".
#ifndef STRESSD_EXPLORE_RANDOM_H_
#define STRESSD_EXPLORE_RANDOM_H_

#include <stdint.h>

namespace explore {

// A bijection of 64-bit words in which every input bit flips about half of the
// output bits.
constexpr uint64_t Mix(uint64_t word) {
  word += 0x9e3779b97f4a7c15;
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
  word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
  return word ^ (word >> 31);
}

// The seed of number `index` of the family that `seed` names.
constexpr uint64_t Mix(uint64_t seed, uint64_t index) { return Mix(Mix(seed) ^ index); }

class Random {
 public:
  constexpr Random() = default;
  explicit constexpr Random(uint64_t seed) : state_(Mix(seed)) {}

  constexpr uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15;
    return Mix(state_);
  }
  // Uniform in [0, bound); 0 when `bound` is 0. The bias of the multiplication
  // is below 2^-32 for the bounds of a scheduler.
  constexpr uint32_t Below(uint32_t bound) {
    return static_cast<uint32_t>(((Next() >> 32) * bound) >> 32);
  }

 private:
  uint64_t state_ = 0;
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_RANDOM_H_
