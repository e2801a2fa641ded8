#include "stressd/host/scenario/prng.h"

#include <bit>
#include <cstdint>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace stressd::host {
namespace {

std::vector<uint64_t> Draw(Prng prng, int count) {
  std::vector<uint64_t> draws;
  for (int i = 0; i < count; ++i) draws.push_back(prng.Next());
  return draws;
}

TEST(PrngTest, SameSeedGivesSameSequence) {
  EXPECT_EQ(Draw(Prng(7), 100), Draw(Prng(7), 100));
  EXPECT_EQ(Draw(Prng(7).Stream(3), 100), Draw(Prng(7).Stream(3), 100));
}

// If seeds were one stream shifted by a draw, a value of one would come back in
// the other: among 4 * 1000 * 64 draws of 64 bits a chance repetition has
// probability below 1e-9.
TEST(PrngTest, NeighbouringSeedsAndStreamsShareNoDraw) {
  std::set<uint64_t> seen;
  size_t draw_count = 0;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    for (const uint64_t draw : Draw(Prng(seed), 64)) seen.insert(draw);
    for (const uint64_t draw : Draw(Prng(42).Stream(seed), 64)) {
      seen.insert(draw);
    }
    // A round's root and the first worker of that round.
    for (const uint64_t draw : Draw(Prng(42).Child(seed), 64)) seen.insert(draw);
    for (const uint64_t draw : Draw(Prng(42).Child(seed).Stream(1), 64)) seen.insert(draw);
    draw_count += 256;
  }
  EXPECT_EQ(seen.size(), draw_count);
}

// The k-th draws of neighbouring seeds differ in half of their bits: over
// 1000 * 8 * 64 bits the mean is 32 with a standard error of 0.045.
TEST(PrngTest, NeighbouringSeedsDifferInHalfOfTheBits) {
  int64_t differing = 0;
  int64_t pairs = 0;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    const std::vector<uint64_t> left = Draw(Prng(seed), 8);
    const std::vector<uint64_t> right = Draw(Prng(seed + 1), 8);
    for (size_t i = 0; i < left.size(); ++i) {
      differing += std::popcount(left[i] ^ right[i]);
      ++pairs;
    }
  }
  EXPECT_NEAR(static_cast<double>(differing) / static_cast<double>(pairs), 32.0, 0.3);
}

// What scenarios decide with their first draw must not follow the seed.
TEST(PrngTest, FirstChoiceOfNeighbouringSeedsIsUniform) {
  int counts[8] = {};
  for (uint64_t seed = 1; seed <= 8000; ++seed) ++counts[Prng(seed).Below(8)];
  for (const int count : counts) EXPECT_NEAR(count, 1000, 150);
}

TEST(PrngTest, StreamDoesNotDependOnDrawsMade) {
  Prng prng(9);
  const Prng early = prng.Stream(1);
  const Prng early_child = prng.Child(1);
  prng.Next();
  EXPECT_EQ(Draw(early, 10), Draw(prng.Stream(1), 10));
  EXPECT_NE(Draw(prng.Stream(1), 1), Draw(prng.Stream(1).Stream(1), 1));
  EXPECT_EQ(Draw(early_child, 10), Draw(prng.Child(1), 10));
}

TEST(PrngTest, BetweenReachesBothEndsAndNothingElse) {
  Prng prng(1);
  std::set<int64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(prng.Between(-2, 2));
  EXPECT_EQ(seen, (std::set<int64_t>{-2, -1, 0, 1, 2}));
  EXPECT_EQ(prng.Between(5, 5), 5);
  prng.Between(INT64_MIN, INT64_MAX);  // Must not divide by a span of zero.
}

TEST(PrngTest, ChanceIsNeverAndAlwaysAtItsEnds) {
  Prng prng(1);
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(prng.Chance(0, 7));
    EXPECT_TRUE(prng.Chance(7, 7));
  }
}

}  // namespace
}  // namespace stressd::host
