// Numbers, and the freelist discipline that lists share with them.
#include "runtime/object/number.h"

#include <cstdint>
#include <limits>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/object/destroy.h"
#include "runtime/object/invariants.h"
#include "runtime/object/list.h"
#include "runtime/object/object_test_space.h"
#include "runtime/object/reference_count.h"

namespace rt {
namespace {

class NumberTest : public ::testing::Test {
 protected:
  ObjectTestSpace test_;
  TestThread thread_{test_};
};

TEST_F(NumberTest, HoldsAnyValue) {
  for (const int64_t value : {int64_t{0}, int64_t{-1}, std::numeric_limits<int64_t>::min(),
                              std::numeric_limits<int64_t>::max()}) {
    Number* number = NumberNew(thread_, value);
    EXPECT_EQ(NumberValue(AsObject(number)), value);
    EXPECT_TRUE(IsNumber(AsObject(number)));
    EXPECT_FALSE(IsList(AsObject(number)));
    Decref(thread_, AsObject(number));
  }
}

TEST_F(NumberTest, DeadNumbersAreReusedWithAFreshHeader) {
  Number* number = NumberNew(thread_, 1);
  std::thread([&] {
    TestThread other(test_);
    Incref(other, AsObject(number));
    Decref(other, AsObject(number));
    SetMaybeWeakref(AsObject(number));
  }).join();
  Decref(thread_, AsObject(number));
  CheckFreelistInvariants(thread_);
  EXPECT_EQ(FreelistObjectCount(thread_), RT_FREELISTS);
  Number* again = NumberNew(thread_, 2);
  if (RT_FREELISTS != 0) {
    EXPECT_EQ(again, number);
  }
  EXPECT_EQ(again->header.shared.load(std::memory_order_relaxed), kSharedInitial);
  EXPECT_EQ(again->header.owner.load(std::memory_order_relaxed), thread_.id);
  EXPECT_EQ(TrueCount(AsObject(again)), 1);
  CheckObjectInvariantsWorldStopped(AsObject(again));
  Decref(thread_, AsObject(again));
}

TEST_F(NumberTest, NumbersGoToTheFreelistOfWhoDestroysThem) {
  constexpr int kCount = kNumberFreelistLimit + 50;
  std::vector<Object*> numbers;
  std::thread([&] {
    TestThread owner(test_);
    for (int i = 0; i < kCount; ++i) {
      numbers.push_back(AsObject(NumberNew(owner, i)));
    }
  }).join();
  for (Object* number : numbers) Decref(thread_, number);
  CheckFreelistInvariants(thread_);
  if (RT_FREELISTS != 0) {
    EXPECT_EQ(thread_.number_freelist.size(), kNumberFreelistLimit);
  }
  EXPECT_EQ(test_.LiveBlockCount(), 0);
  // Their blocks belong to the heaps of a thread that left: still usable.
  for (Object*& number : numbers) number = AsObject(NumberNew(thread_, 7));
  for (Object* number : numbers) Decref(thread_, number);
}

TEST_F(NumberTest, ClearedThreadKeepsItsFreelistsDisabled) {
  Number* number = NumberNew(thread_, 1);
  Number* other = NumberNew(thread_, 2);
  Decref(thread_, AsObject(number));
  DisableObjectFreelists(thread_);
  EXPECT_EQ(FreelistObjectCount(thread_), 0);
  EXPECT_EQ(thread_.number_freelist.size(), -1);
  Decref(thread_, AsObject(other));
  EXPECT_EQ(thread_.number_freelist.size(), -1);
  EXPECT_EQ(test_.LiveBlockCount(), 0);
  Number* late = NumberNew(thread_, 3);
  Decref(thread_, AsObject(late));
  CheckFreelistInvariants(thread_);
}

TEST_F(NumberTest, AMergedNumberIsRebornWithItsOwner) {
  Number* number = NumberNew(thread_, 1);
  SetMaybeWeakref(AsObject(number));
  Decref(thread_, AsObject(number));  // Merged, and dead of it.
  CheckFreelistInvariants(thread_);
  Number* again = NumberNew(thread_, 2);
  CheckObjectInvariantsWorldStopped(AsObject(again));
  EXPECT_EQ(NumberValue(AsObject(again)), 2);
  EXPECT_TRUE(IsUniquelyReferenced(thread_, AsObject(again)));
  Incref(thread_, AsObject(again));
  EXPECT_EQ(TrueCount(AsObject(again)), 2);
  Decref(thread_, AsObject(again));
  Decref(thread_, AsObject(again));
  EXPECT_EQ(test_.ReferenceTotal(), 0);
}

#if RT_CHECKS && RT_FREELISTS
using NumberDeathTest = NumberTest;

TEST_F(NumberDeathTest, InvariantCheckSeesALiveObjectOnTheList) {
  Number* number = NumberNew(thread_, 1);
  Decref(thread_, AsObject(number));
  EXPECT_DEATH(
      {
        number->header.shared.store(kSharedOne, std::memory_order_relaxed);
        CheckFreelistInvariants(thread_);
      },
      "FL-2");
  EXPECT_DEATH(
      {
        number->header.shared.store(kSharedMerged, std::memory_order_relaxed);
        CheckFreelistInvariants(thread_);
      },
      "FL-3");
}
#endif

}  // namespace
}  // namespace rt
