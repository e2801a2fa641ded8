#include "runtime/object/type.h"

#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/object/instance.h"
#include "runtime/object/invariants.h"
#include "runtime/object/object_test_space.h"
#include "runtime/object/reference_count.h"

namespace rt {
namespace {

class TypeTest : public ::testing::Test {
 protected:
  std::string NameOf(size_t stat_index) {
    char name[kTypeNameBytes];
    TypeStatName(test_.space(), stat_index, name);
    return name;
  }

  ObjectTestSpace test_;
  TestThread thread_{test_};
};

TEST_F(TypeTest, BuiltinTypesHaveTheirNames) {
  EXPECT_EQ(NameOf(kStatIndexOther), "other");
  EXPECT_EQ(NameOf(kStatIndexType), "type");
  EXPECT_EQ(NameOf(kStatIndexNumber), "number");
  EXPECT_EQ(NameOf(kStatIndexList), "list");
  EXPECT_EQ(NameOf(kFirstHeapStatIndex), "");
}

TEST_F(TypeTest, EachTypeCountsItsOwnInstances) {
  TypeObject* a = TypeNew(thread_, {.name = "a"});
  TypeObject* b = TypeNew(thread_, {.name = "b"});
  EXPECT_NE(a->stat_index, b->stat_index);
  EXPECT_EQ(NameOf(a->stat_index), "a");
  Instance* one = InstanceNew(thread_, a);
  Instance* two = InstanceNew(thread_, a);
  Instance* three = InstanceNew(thread_, b);
  EXPECT_EQ(test_.ReferenceTotal(a->stat_index), 2);
  EXPECT_EQ(test_.ReferenceTotal(b->stat_index), 1);
  EXPECT_EQ(test_.ReferenceTotal(kStatIndexType), 5);
  CheckTypeInvariantsWorldStopped(test_.space());
  for (Instance* instance : {one, two, three}) {
    Decref(thread_, AsObject(instance));
  }
  Decref(thread_, AsObject(a));
  Decref(thread_, AsObject(b));
  EXPECT_EQ(test_.ReferenceTotal(), 0);
}

TEST_F(TypeTest, LongNamesAreCut) {
  const std::string name(100, 'x');
  TypeObject* type = TypeNew(thread_, {.name = name.c_str()});
  EXPECT_EQ(NameOf(type->stat_index), std::string(kTypeNameBytes - 1, 'x'));
  EXPECT_EQ(std::strlen(type->name), kTypeNameBytes - 1);
  Decref(thread_, AsObject(type));
}

TEST_F(TypeTest, TypesBeyondTheTableShareOther) {
  constexpr size_t kOwnIndices = kReferenceTypeCount - kFirstHeapStatIndex;
  std::vector<TypeObject*> types;
  std::set<int> indices;
  for (size_t i = 0; i < kOwnIndices; ++i) {
    types.push_back(TypeNew(thread_, {.name = "own"}));
    indices.insert(types.back()->stat_index);
  }
  EXPECT_EQ(indices.size(), kOwnIndices);
  EXPECT_EQ(indices.count(kStatIndexOther), 0u);
  types.push_back(TypeNew(thread_, {.name = "late"}));
  EXPECT_EQ(types.back()->stat_index, kStatIndexOther);
  CheckTypeInvariantsWorldStopped(test_.space());
  for (TypeObject* type : types) Decref(thread_, AsObject(type));
}

TEST_F(TypeTest, IndexIsReusedOnlyWhenItsTotalIsZero) {
  constexpr size_t kOwnIndices = kReferenceTypeCount - kFirstHeapStatIndex;
  std::vector<TypeObject*> types;
  for (size_t i = 0; i < kOwnIndices; ++i) {
    types.push_back(TypeNew(thread_, {.name = "own"}));
  }
  const uint8_t first = types[0]->stat_index;
  const uint8_t second = types[1]->stat_index;
  Decref(thread_, AsObject(types[0]));
  Decref(thread_, AsObject(types[1]));
  EXPECT_EQ(NameOf(first), "own") << "what drifts keeps its name";
  // As if references of the first dead type had got lost.
  thread_.counters->AddReferences(first, 1);
  TypeObject* next = TypeNew(thread_, {.name = "next"});
  EXPECT_EQ(next->stat_index, RT_REFERENCE_TOTALS != 0 ? second : first);
  thread_.counters->AddReferences(first, -1);
  TypeObject* last = TypeNew(thread_, {.name = "last"});
  EXPECT_EQ(last->stat_index, RT_REFERENCE_TOTALS != 0 ? first : second);
  EXPECT_EQ(NameOf(last->stat_index), "last");
  CheckTypeInvariantsWorldStopped(test_.space());
  Decref(thread_, AsObject(next));
  Decref(thread_, AsObject(last));
  for (size_t i = 2; i < types.size(); ++i) Decref(thread_, AsObject(types[i]));
}

}  // namespace
}  // namespace rt
