#include "stressd/host/scenario/prng.h"

#include <bit>

namespace stressd::host {
namespace {

// Mixes all bits of `value` into all bits of the result (the finalizer of
// MurmurHash3 with the constants that David Stafford called "Mix13").
uint64_t Mix(uint64_t value) {
  value ^= value >> 30;
  value *= 0xbf58476d1ce4e5b9u;
  value ^= value >> 27;
  value *= 0x94d049bb133111ebu;
  value ^= value >> 31;
  return value;
}

}  // namespace

Prng::Prng(uint64_t seed, uint64_t stream) : seed_(seed), stream_(stream) {
  // Each word hashes (seed, stream, word index) afresh: no word of one seed is
  // a word of the next seed's state shifted by one place.
  const uint64_t key =
      Mix(Mix(seed + 0x2545f4914f6cdd1du) ^ (stream * 0xd6e8feb86659fd93u + 0x5851f42d4c957f2du));
  for (uint64_t i = 0; i < 4; ++i) {
    state_[i] = Mix(key ^ Mix((i + 1) * 0xa0761d6478bd642fu));
  }
  if ((state_[0] | state_[1] | state_[2] | state_[3]) == 0) {
    state_[0] = 1;  // The all-zero state would stay zero for ever.
  }
}

uint64_t Prng::Next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

uint64_t Prng::Below(uint64_t bound) {
  // Draws that fall into the last, incomplete multiple of `bound` are drawn
  // again, so that every result is equally likely.
  const uint64_t first_accepted = (0 - bound) % bound;
  uint64_t draw = Next();
  while (draw < first_accepted) draw = Next();
  return draw % bound;
}

int64_t Prng::Between(int64_t low, int64_t high) {
  const uint64_t span = static_cast<uint64_t>(high) - static_cast<uint64_t>(low) + 1;
  // A span of 0 stands for all 2^64 values.
  const uint64_t offset = span == 0 ? Next() : Below(span);
  return static_cast<int64_t>(static_cast<uint64_t>(low) + offset);
}

bool Prng::Chance(uint64_t numerator, uint64_t denominator) {
  return Below(denominator) < numerator;
}

Prng Prng::Stream(uint64_t stream) const {
  return Prng(seed_, Mix(stream_ + 0x9fb21c651e98df25u) + stream + 1);
}

Prng Prng::Child(uint64_t index) const {
  // Other constants than in the constructor, so that a child is no stream.
  const uint64_t key = Mix(Mix(seed_ ^ 0x9fb21c651e98df25u) + stream_);
  return Prng(Mix(key ^ Mix(index + 0xd1342543de82ef95u)));
}

}  // namespace stressd::host
