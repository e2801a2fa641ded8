#include "stressd/host/oracles/delayed_frees.h"

#include <functional>
#include <vector>

#include "gtest/gtest.h"

namespace stressd::host {
namespace {

// What JudgeDelayedFrees() says of a pair that `plant` made unequal.
std::vector<Violation> JudgeWith(
    const std::function<void(Observation& before, Observation& after)>& plant) {
  Observation before;
  Observation after;
  plant(before, after);
  ViolationList out;
  JudgeDelayedFrees(before, after, out);
  return out.violations();
}

TEST(DelayedFreesTest, EqualObservationsPass) {
  EXPECT_TRUE(JudgeWith([](Observation&, Observation&) {}).empty());
}

TEST(DelayedFreesTest, OneWaitingBlockIsEnough) {
  const auto found = JudgeWith([](Observation&, Observation& after) {
    after.balance.delayed_free_count = 1;
    after.balance.delayed_free_bytes = 64;
    after.balance.write_sequence = 9;
    after.balance.read_sequence = 7;
  });
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].oracle, "delayed-frees");
  EXPECT_EQ(found[0].message,
            "1 blocks of 64 bytes still wait for a QSBR goal (write sequence "
            "9, read sequence 7)");
}

TEST(DelayedFreesTest, WhatWaitedAtTheStartIsNoExcuse) {
  EXPECT_EQ(JudgeWith([](Observation& before, Observation& after) {
              before.balance.delayed_free_count = 1;
              after.balance.delayed_free_count = 1;
            }).size(),
            1u);
}

TEST(DelayedFreesTest, BytesWithoutBlocksAreAViolation) {
  EXPECT_EQ(JudgeWith([](Observation&, Observation& after) {
              after.balance.delayed_free_bytes = 8;
            }).size(),
            1u);
}

}  // namespace
}  // namespace stressd::host
