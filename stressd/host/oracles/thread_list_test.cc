#include "stressd/host/oracles/thread_list.h"

#include <functional>
#include <vector>

#include "gtest/gtest.h"

namespace stressd::host {
namespace {

// What JudgeThreadList() says of a pair that `plant` made unequal.
std::vector<Violation> JudgeWith(
    const std::function<void(Observation& before, Observation& after)>& plant) {
  Observation before;
  Observation after;
  plant(before, after);
  ViolationList out;
  JudgeThreadList(before, after, out);
  return out.violations();
}

TEST(ThreadListTest, EqualObservationsPass) {
  EXPECT_TRUE(JudgeWith([](Observation&, Observation&) {}).empty());
}

TEST(ThreadListTest, AThreadStateThatStaysIsAViolation) {
  const auto found = JudgeWith([](Observation& before, Observation& after) {
    before.balance.thread_state_count = 1;
    after.balance.thread_state_count = 2;
  });
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].oracle, "thread-list");
  EXPECT_EQ(found[0].message, "+1 thread states: there were 1 and are 2");
}

TEST(ThreadListTest, AThreadStateThatIsGoneIsAViolation) {
  EXPECT_EQ(JudgeWith([](Observation& before, Observation&) {
              before.balance.thread_state_count = 1;
            }).size(),
            1u);
}

}  // namespace
}  // namespace stressd::host
