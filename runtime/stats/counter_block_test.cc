#include "runtime/stats/counter_block.h"

#include <gtest/gtest.h>

#include <thread>

#include "runtime/base/config.h"
#include "runtime/stats/counter.h"

namespace rt {
namespace {

TEST(CounterBlockTest, CountsEventsAndReferences) {
  CounterBlock block;
  block.Add(Counter::kAttaches);
  block.Add(Counter::kAttaches, 4);
  block.Add(Counter::kStoppedNs, 1000);
  block.AddReferences(0, 3);
  block.AddReferences(kReferenceTypeCount - 1, -5);
  EXPECT_EQ(block.Get(Counter::kAttaches), 5);
  EXPECT_EQ(block.Get(Counter::kStoppedNs), 1000);
  EXPECT_EQ(block.Get(Counter::kDetaches), 0);
#if RT_REFERENCE_TOTALS
  EXPECT_EQ(block.GetReferences(0), 3);
  EXPECT_EQ(block.GetReferences(kReferenceTypeCount - 1), -5);
#else
  EXPECT_EQ(block.GetReferences(0), 0);
#endif
}

TEST(CounterBlockTest, TotalsAddSubtractAndSum) {
  CounterBlock one;
  CounterBlock two;
  one.Add(Counter::kForks, 2);
  two.Add(Counter::kForks, 3);
  one.AddReferences(1, 10);
  two.AddReferences(2, -4);
  CounterTotals totals;
  totals.Add(one);
  const CounterTotals earlier = totals;
  totals.Add(two);
  EXPECT_EQ(totals.Get(Counter::kForks), 5);
  EXPECT_EQ(totals.ReferenceTotal(), RT_REFERENCE_TOTALS ? 6 : 0);
  totals.Subtract(earlier);
  EXPECT_EQ(totals.Get(Counter::kForks), 3);
  EXPECT_EQ(totals.ReferenceTotal(), RT_REFERENCE_TOTALS ? -4 : 0);
}

TEST(CounterBlockTest, AddAllAndClearCoverEveryCell) {
  CounterBlock from;
  for (std::size_t i = 0; i < kCounterCapacity; ++i) from.Add(static_cast<Counter>(i), 1);
  for (std::size_t i = 0; i < kReferenceTypeCount; ++i) from.AddReferences(i, 1);
  CounterBlock into;
  into.AddAll(from);
  into.AddAll(from);
  for (std::size_t i = 0; i < kCounterCapacity; ++i) EXPECT_EQ(into.GetEvent(i), 2);
  for (std::size_t i = 0; i < kReferenceTypeCount; ++i) {
    EXPECT_EQ(into.GetReferences(i), RT_REFERENCE_TOTALS ? 2 : 0);
  }
  into.Clear();
  for (std::size_t i = 0; i < kCounterCapacity; ++i) EXPECT_EQ(into.GetEvent(i), 0);
  for (std::size_t i = 0; i < kReferenceTypeCount; ++i) EXPECT_EQ(into.GetReferences(i), 0);
}

TEST(CounterBlockTest, OthersMayReadWhileTheOwnerCounts) {
  // ThreadSanitizer judges too.
  constexpr int64_t kRoundCount = 50000;
  CounterBlock block;
  std::thread owner([&block] {
    for (int64_t round = 0; round < kRoundCount; ++round) block.Add(Counter::kListReads);
  });
  int64_t last = 0;
  while (last < kRoundCount) {
    const int64_t now = block.Get(Counter::kListReads);
    ASSERT_GE(now, last);
    last = now;
  }
  owner.join();
}

}  // namespace
}  // namespace rt
