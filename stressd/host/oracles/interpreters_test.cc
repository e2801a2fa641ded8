#include "stressd/host/oracles/interpreters.h"

#include <functional>
#include <vector>

#include "gtest/gtest.h"

namespace stressd::host {
namespace {

// What JudgeInterpreters() says of a pair that `plant` made unequal.
std::vector<Violation> JudgeWith(
    const std::function<void(Observation& before, Observation& after)>& plant) {
  Observation before;
  Observation after;
  plant(before, after);
  ViolationList out;
  JudgeInterpreters(before, after, out);
  return out.violations();
}

TEST(InterpretersTest, EqualObservationsPass) {
  EXPECT_TRUE(JudgeWith([](Observation&, Observation&) {}).empty());
}

TEST(InterpretersTest, AnInterpreterThatStaysIsAViolation) {
  const auto found = JudgeWith([](Observation& before, Observation& after) {
    before.interpreter_count = 2;
    after.interpreter_count = 3;
  });
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].oracle, "interpreters");
  EXPECT_EQ(found[0].message, "there were 2 interpreters and are 3");
}

TEST(InterpretersTest, ReferencesElsewhereAreAViolation) {
  const auto found = JudgeWith([](Observation& before, Observation& after) {
    before.runtime_reference_total = 12;
    before.balance.reference_total = 10;
    after.runtime_reference_total = 13;
    after.balance.reference_total = 10;
  });
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].message,
            "+1 references outside the run's interpreter: there were 2 and are "
            "3");
}

TEST(InterpretersTest, ReferencesOfTheRunAreJudgedElsewhere) {
  EXPECT_TRUE(JudgeWith([](Observation&, Observation& after) {
                after.runtime_reference_total = 5;
                after.balance.reference_total = 5;
              }).empty());
}

}  // namespace
}  // namespace stressd::host
