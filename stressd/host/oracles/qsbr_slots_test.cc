#include "stressd/host/oracles/qsbr_slots.h"

#include <functional>
#include <vector>

#include "gtest/gtest.h"

namespace stressd::host {
namespace {

// What JudgeQsbrSlots() says of a pair that `plant` made unequal.
std::vector<Violation> JudgeWith(
    const std::function<void(Observation& before, Observation& after)>& plant) {
  Observation before;
  Observation after;
  plant(before, after);
  ViolationList out;
  JudgeQsbrSlots(before, after, out);
  return out.violations();
}

TEST(QsbrSlotsTest, EqualObservationsPass) {
  EXPECT_TRUE(JudgeWith([](Observation&, Observation&) {}).empty());
}

TEST(QsbrSlotsTest, ASlotThatStaysIsAViolation) {
  const auto found = JudgeWith([](Observation& before, Observation& after) {
    before.balance.qsbr_slot_count = before.balance.thread_state_count = 1;
    after.balance.qsbr_slot_count = 2;
    after.balance.thread_state_count = 1;
  });
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].message, "+1 QSBR slots: 1 were in use and 2 are");
  EXPECT_EQ(found[1].message, "2 QSBR slots for 1 thread states");
}

TEST(QsbrSlotsTest, ReadSequenceMayNotOvertake) {
  const auto found = JudgeWith([](Observation&, Observation& after) {
    after.balance.write_sequence = 11;
    after.balance.read_sequence = 13;
  });
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].message, "read sequence 13 is ahead of write sequence 11");
}

TEST(QsbrSlotsTest, SequencesMayNotGoBack) {
  EXPECT_EQ(JudgeWith([](Observation& before, Observation& after) {
              before.balance.write_sequence = 13;
              after.balance.write_sequence = 11;
            }).size(),
            1u);
}

TEST(QsbrSlotsTest, SequencesMayWrap) {
  EXPECT_TRUE(JudgeWith([](Observation& before, Observation& after) {
                before.balance.write_sequence = UINT64_MAX;
                before.balance.read_sequence = UINT64_MAX - 2;
                after.balance.write_sequence = 5;
                after.balance.read_sequence = 3;
              }).empty());
}

}  // namespace
}  // namespace stressd::host
