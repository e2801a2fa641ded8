#include "stressd/host/oracles/merge_queues.h"

#include <functional>
#include <vector>

#include "gtest/gtest.h"

namespace stressd::host {
namespace {

// What JudgeMergeQueues() says of a pair that `plant` made unequal.
std::vector<Violation> JudgeWith(
    const std::function<void(Observation& before, Observation& after)>& plant) {
  Observation before;
  Observation after;
  plant(before, after);
  ViolationList out;
  JudgeMergeQueues(before, after, out);
  return out.violations();
}

TEST(MergeQueuesTest, EqualObservationsPass) {
  EXPECT_TRUE(JudgeWith([](Observation&, Observation&) {}).empty());
}

TEST(MergeQueuesTest, OneQueuedObjectIsEnough) {
  const auto found = JudgeWith([](Observation& before, Observation& after) {
    before.balance.queued_object_count = 1;  // No excuse.
    after.balance.queued_object_count = 1;
  });
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].oracle, "merge-queues");
  EXPECT_EQ(found[0].message, "1 objects still wait in merge queues");
}

}  // namespace
}  // namespace stressd::host
