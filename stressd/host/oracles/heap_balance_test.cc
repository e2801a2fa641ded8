#include "stressd/host/oracles/heap_balance.h"

#include <functional>
#include <vector>

#include "gtest/gtest.h"

namespace stressd::host {
namespace {

// What JudgeHeapBalance() says of a pair that `plant` made unequal.
std::vector<Violation> JudgeWith(
    const std::function<void(Observation& before, Observation& after)>& plant) {
  Observation before;
  Observation after;
  plant(before, after);
  ViolationList out;
  JudgeHeapBalance(before, after, out);
  return out.violations();
}

TEST(HeapBalanceTest, EqualObservationsPass) {
  EXPECT_TRUE(JudgeWith([](Observation&, Observation&) {}).empty());
}

TEST(HeapBalanceTest, OneBlockInAnyHeapIsEnough) {
  for (size_t heap = 0; heap < rt::kHeapKindCount; ++heap) {
    const auto found = JudgeWith([heap](Observation&, Observation& after) {
      after.balance.heaps[heap].block_count = 1;
      after.balance.heaps[heap].block_bytes = 48;
    });
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].oracle, "heap-balance");
  }
}

TEST(HeapBalanceTest, SameCountOfOtherSizesIsAViolation) {
  const auto found = JudgeWith([](Observation& before, Observation& after) {
    before.balance.heaps[1].block_count = 7;
    before.balance.heaps[1].block_bytes = 700;
    after.balance.heaps[1].block_count = 7;
    after.balance.heaps[1].block_bytes = 684;
  });
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].message,
            "+0 live blocks and -16 bytes in the object heaps: there were 7 "
            "blocks of 700 bytes and are 7 of 684");
}

TEST(HeapBalanceTest, PagesKeptForReuseAreNoViolation) {
  EXPECT_TRUE(JudgeWith([](Observation&, Observation& after) {
                after.balance.heaps[1].page_count = 3;
              }).empty());
}

}  // namespace
}  // namespace stressd::host
