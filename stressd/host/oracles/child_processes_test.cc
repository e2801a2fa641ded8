#include "stressd/host/oracles/child_processes.h"

#include <functional>
#include <vector>

#include "gtest/gtest.h"

namespace stressd::host {
namespace {

// What JudgeChildProcesses() says of a pair that `plant` made unequal.
std::vector<Violation> JudgeWith(
    const std::function<void(Observation& before, Observation& after)>& plant) {
  Observation before;
  Observation after;
  plant(before, after);
  ViolationList out;
  JudgeChildProcesses(before, after, out);
  return out.violations();
}

TEST(ChildProcessesTest, EqualObservationsPass) {
  EXPECT_TRUE(JudgeWith([](Observation&, Observation&) {}).empty());
}

TEST(ChildProcessesTest, AChildThatWasNotReapedIsAViolation) {
  const auto found =
      JudgeWith([](Observation&, Observation& after) { after.process.has_children = true; });
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].oracle, "child-processes");
}

TEST(ChildProcessesTest, AChildOfTheHostItselfIsNone) {
  EXPECT_TRUE(JudgeWith([](Observation& before, Observation& after) {
                before.process.has_children = after.process.has_children = true;
              }).empty());
}

}  // namespace
}  // namespace stressd::host
