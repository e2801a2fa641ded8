#include "stressd/host/oracles/counter_conservation.h"

#include <functional>
#include <vector>

#include "gtest/gtest.h"

namespace stressd::host {
namespace {

// What JudgeCounterConservation() says of a pair that `plant` made unequal.
std::vector<Violation> JudgeWith(
    const std::function<void(Observation& before, Observation& after)>& plant) {
  Observation before;
  Observation after;
  plant(before, after);
  ViolationList out;
  JudgeCounterConservation(before, after, out);
  return out.violations();
}

TEST(CounterConservationTest, EqualObservationsPass) {
  EXPECT_TRUE(JudgeWith([](Observation&, Observation&) {}).empty());
}

void Count(Observation& observation, rt::Counter counter, int64_t value) {
  observation.counters.events[static_cast<size_t>(counter)] = value;
}

TEST(CounterConservationTest, ACreationWithoutDestructionIsAViolation) {
  const auto found = JudgeWith([](Observation& before, Observation& after) {
    Count(before, rt::Counter::kNumbersCreated, 10);
    Count(before, rt::Counter::kNumbersDestroyed, 8);
    Count(after, rt::Counter::kNumbersCreated, 110);
    Count(after, rt::Counter::kNumbersDestroyed, 107);
  });
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].oracle, "counter-conservation");
  EXPECT_EQ(found[0].message, "+1 numbers: during the run 100 began and 99 ended");
}

TEST(CounterConservationTest, ADoubleDestructionIsAViolation) {
  for (const rt::Counter ended :
       {rt::Counter::kListsDestroyed, rt::Counter::kInstancesDestroyed,
        rt::Counter::kTypesDestroyed, rt::Counter::kThreadStatesDestroyed,
        rt::Counter::kHeapBundlesAbandoned, rt::Counter::kObjectsMergedForeign,
        rt::Counter::kDelayedFreesDone, rt::Counter::kDelayedBytesFreed}) {
    EXPECT_EQ(
        JudgeWith([ended](Observation&, Observation& after) { Count(after, ended, 1); }).size(),
        1u);
  }
}

TEST(CounterConservationTest, ABundleThatIsStillHeldIsNoSurplus) {
  const auto hold = [](int64_t held_count) {
    return JudgeWith([held_count](Observation&, Observation& after) {
      Count(after, rt::Counter::kHeapBundlesCreated, 1);
      after.balance.bundles_in_use_count = held_count;
    });
  };
  EXPECT_TRUE(hold(1).empty());
  for (const int64_t held_count : {0, 2}) {
    const auto found = hold(held_count);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].message.substr(0, 22),
              held_count == 0 ? "+1 heap bundles in use" : "-1 heap bundles in use");
  }
}

TEST(CounterConservationTest, OneThingMayBeginAndEndInSeveralWays) {
  const auto found = JudgeWith([](Observation&, Observation& after) {
    Count(after, rt::Counter::kHeapBundlesCreated, 2);
    Count(after, rt::Counter::kHeapBundlesAdopted, 3);
    Count(after, rt::Counter::kHeapBundlesAbandoned, 5);
    Count(after, rt::Counter::kObjectsQueued, 7);
    Count(after, rt::Counter::kObjectsMergedFromQueue, 3);
    Count(after, rt::Counter::kObjectsMergedForeign, 3);
    Count(after, rt::Counter::kObjectsMergedForDetached, 1);
  });
  EXPECT_TRUE(found.empty());
}

}  // namespace
}  // namespace stressd::host
