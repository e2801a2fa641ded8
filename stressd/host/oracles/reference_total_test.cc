#include "stressd/host/oracles/reference_total.h"

#include <functional>
#include <vector>

#include "gtest/gtest.h"

namespace stressd::host {
namespace {

// What JudgeReferenceTotal() says of a pair that `plant` made unequal.
std::vector<Violation> JudgeWith(
    const std::function<void(Observation& before, Observation& after)>& plant) {
  Observation before;
  Observation after;
  plant(before, after);
  ViolationList out;
  JudgeReferenceTotal(before, after, out);
  return out.violations();
}

TEST(ReferenceTotalTest, EqualObservationsPass) {
  EXPECT_TRUE(JudgeWith([](Observation&, Observation&) {}).empty());
}

TEST(ReferenceTotalTest, OneLostReferenceIsEnough) {
  const auto found = JudgeWith([](Observation& before, Observation& after) {
    before.balance.reference_total = 1000;
    after.balance.reference_total = 1001;
  });
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].oracle, "reference-total");
  EXPECT_EQ(found[0].message, "+1 references: the total was 1000 and is 1001");
}

TEST(ReferenceTotalTest, NegativeDriftIsAViolation) {
  const auto found =
      JudgeWith([](Observation&, Observation& after) { after.balance.reference_total = -1; });
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].message, "-1 references: the total was 0 and is -1");
}

// Two wrongs that hide in the sum show in the types.
TEST(ReferenceTotalTest, TypesAreJudgedOneByOne) {
  const auto found = JudgeWith([](Observation&, Observation& after) {
    after.balance.references_by_type[2] = 5;
    after.balance.references_by_type[3] = -5;
  });
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].message, "+5 references to objects of type number 2: there were 0 and are 5");
}

TEST(ReferenceTotalTest, TypesAreNamedAsLongAsAnybodyKnowsTheName) {
  const auto found = JudgeWith([](Observation& before, Observation& after) {
    before.type_names[2] = "Gone";
    after.type_names[3] = "list";
    after.balance.references_by_type[2] = 1;
    after.balance.references_by_type[3] = -1;
  });
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].message, "+1 references to objects of type \"Gone\": there were 0 and are 1");
  EXPECT_EQ(found[1].message, "-1 references to objects of type \"list\": there were 0 and are -1");
}

}  // namespace
}  // namespace stressd::host
