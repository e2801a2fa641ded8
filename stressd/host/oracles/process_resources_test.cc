#include "stressd/host/oracles/process_resources.h"

#include <functional>
#include <vector>

#include "gtest/gtest.h"

namespace stressd::host {
namespace {

// What JudgeProcessResources() says of a pair that `plant` made unequal.
std::vector<Violation> JudgeWith(
    const std::function<void(Observation& before, Observation& after)>& plant) {
  Observation before;
  Observation after;
  plant(before, after);
  ViolationList out;
  JudgeProcessResources(before, after, out);
  return out.violations();
}

TEST(ProcessResourcesTest, EqualObservationsPass) {
  EXPECT_TRUE(JudgeWith([](Observation&, Observation&) {}).empty());
}

TEST(ProcessResourcesTest, ADescriptorLeftOpenIsAViolation) {
  const auto found = JudgeWith(
      [](Observation&, Observation& after) { after.process.file_descriptors[7] = "pipe:[1]"; });
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].oracle, "process-resources");
  EXPECT_EQ(found[0].message, "file descriptor 7 (pipe:[1]) was left open");
}

TEST(ProcessResourcesTest, ADescriptorClosedOrReplacedIsAViolation) {
  EXPECT_EQ(JudgeWith([](Observation& before, Observation&) {
              before.process.file_descriptors[3] = "socket:[1]";
            }).size(),
            1u);
  EXPECT_EQ(JudgeWith([](Observation& before, Observation& after) {
              before.process.file_descriptors[3] = "socket:[1]";
              after.process.file_descriptors[3] = "pipe:[2]";
            }).size(),
            1u);
}

TEST(ProcessResourcesTest, AThreadThatStaysIsAViolation) {
  const auto found = JudgeWith([](Observation& before, Observation& after) {
    before.process.thread_count = 2;
    after.process.thread_count = 3;
  });
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].message, "+1 OS threads: there were 2 and are 3");
}

}  // namespace
}  // namespace stressd::host
