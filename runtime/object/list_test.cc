#include "runtime/object/list.h"

#include <cstdint>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/object/instance.h"
#include "runtime/object/invariants.h"
#include "runtime/object/number.h"
#include "runtime/object/object_test_space.h"
#include "runtime/object/reference_count.h"

namespace rt {
namespace {

class ListTest : public ::testing::Test {
 protected:
  void AppendNumber(List* list, int64_t value) {
    Number* number = NumberNew(thread_, value);
    ASSERT_TRUE(ListAppend(thread_, list, AsObject(number)));
    Decref(thread_, AsObject(number));
  }

  int64_t ValueAt(ObjectThread& thread, List* list, int64_t index) {
    Object* item = ListGet(thread, list, index);
    if (item == nullptr) return -1;
    const int64_t value = NumberValue(item);
    Decref(thread, item);
    return value;
  }

  ObjectTestSpace test_;
  TestThread thread_{test_};
};

TEST_F(ListTest, GrowsGetsSetsPopsAndClears) {
  List* list = ListNew(thread_);
  EXPECT_TRUE(IsList(AsObject(list)));
  EXPECT_EQ(ListSize(list), 0);
  EXPECT_EQ(ListGet(thread_, list, 0), nullptr);
  EXPECT_EQ(ListPop(thread_, list), nullptr);
  for (int64_t i = 0; i < 1000; ++i) AppendNumber(list, i);
  EXPECT_EQ(ListSize(list), 1000);
  for (int64_t i = 0; i < 1000; ++i) EXPECT_EQ(ValueAt(thread_, list, i), i);
  EXPECT_EQ(ListGet(thread_, list, 1000), nullptr);
  EXPECT_EQ(ListGet(thread_, list, -1), nullptr);
  EXPECT_EQ(test_.ReferenceTotal(kStatIndexNumber), 1000);
  EXPECT_EQ(test_.ReferenceTotal(kStatIndexList), 1);

  Number* other = NumberNew(thread_, 5000);
  EXPECT_TRUE(ListSet(thread_, list, 7, AsObject(other)));
  EXPECT_FALSE(ListSet(thread_, list, 1000, AsObject(other)));
  EXPECT_FALSE(ListSet(thread_, list, -1, AsObject(other)));
  Decref(thread_, AsObject(other));
  EXPECT_EQ(ValueAt(thread_, list, 7), 5000);
  EXPECT_EQ(test_.Get(Counter::kNumbersDestroyed), 1);

  for (int64_t i = 999; i >= 500; --i) {
    Object* item = ListPop(thread_, list);
    ASSERT_NE(item, nullptr);
    EXPECT_EQ(NumberValue(item), i);
    Decref(thread_, item);
  }
  EXPECT_EQ(ListSize(list), 500);
  EXPECT_EQ(ListGet(thread_, list, 500), nullptr);
  ListClear(thread_, list);
  EXPECT_EQ(ListSize(list), 0);
  EXPECT_EQ(test_.ReferenceTotal(kStatIndexNumber), 0);
  AppendNumber(list, 3);
  EXPECT_EQ(ValueAt(thread_, list, 0), 3);
  Decref(thread_, AsObject(list));
  EXPECT_EQ(test_.ReferenceTotal(), 0);
}

TEST_F(ListTest, ShrinksWhenThreeQuartersAreGone) {
  List* list = ListNew(thread_, 64);
  for (int64_t i = 0; i < 64; ++i) AppendNumber(list, i);
  EXPECT_EQ(test_.Get(Counter::kListResizes), 0);
  for (int i = 0; i < 60; ++i) Decref(thread_, ListPop(thread_, list));
  EXPECT_GE(test_.Get(Counter::kListResizes), 2);
  EXPECT_LE(list->array.load(std::memory_order_relaxed)->capacity, 16);
  for (int64_t i = 0; i < 4; ++i) EXPECT_EQ(ValueAt(thread_, list, i), i);
  Decref(thread_, AsObject(list));
}

TEST_F(ListTest, OldArraysGoThroughDelayedFree) {
  List* list = ListNew(thread_);
  for (int64_t i = 0; i < 100; ++i) AppendNumber(list, i);
  EXPECT_GT(thread_.delayed_free.pending().item_count, 0);
  Decref(thread_, AsObject(list));
}

// The first read by another thread takes the mutex and marks the item; the next
// ones are lock-free (the ratio is what M-BRC-19 lost).
TEST_F(ListTest, ForeignReadsAreLockFreeFromTheSecondOn) {
  List* list = ListNew(thread_);
  AppendNumber(list, 11);
  std::thread([&] {
    TestThread other(test_);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(ValueAt(other, list, 0), 11);
  }).join();
  EXPECT_EQ(test_.Get(Counter::kListReads), 100);
  EXPECT_EQ(test_.Get(Counter::kListReadRetries), 1);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(ValueAt(thread_, list, 0), 11);
  EXPECT_EQ(test_.Get(Counter::kListReadRetries), 1);
  Decref(thread_, AsObject(list));
}

TEST_F(ListTest, DeadListsAreReusedEmpty) {
  List* list = ListNew(thread_, 8);
  AppendNumber(list, 1);
  Decref(thread_, AsObject(list));
  CheckFreelistInvariants(thread_);
  if (RT_FREELISTS != 0) {
    EXPECT_EQ(thread_.list_freelist.size(), 1);
  }
  List* again = ListNew(thread_);
  if (RT_FREELISTS != 0) {
    EXPECT_EQ(again, list);
  }
  EXPECT_EQ(ListSize(again), 0);
  EXPECT_EQ(ListGet(thread_, again, 0), nullptr);
  Decref(thread_, AsObject(again));
}

TEST_F(ListTest, MoreThanTheFreelistTakesGoesBackToTheHeap) {
  std::vector<List*> lists;
  for (int i = 0; i < kListFreelistLimit + 20; ++i) {
    lists.push_back(ListNew(thread_));
  }
  for (List* list : lists) Decref(thread_, AsObject(list));
  CheckFreelistInvariants(thread_);
  if (RT_FREELISTS != 0) {
    EXPECT_EQ(thread_.list_freelist.size(), kListFreelistLimit);
    EXPECT_EQ(test_.Get(Counter::kFreelistOverflows), 20);
  }
  EXPECT_EQ(test_.LiveBlockCount(), 0);
}

TEST_F(ListTest, ItemsDieInTheListsDestructor) {
  List* outer = ListNew(thread_);
  List* inner = ListNew(thread_);
  AppendNumber(inner, 4);
  ASSERT_TRUE(ListAppend(thread_, outer, AsObject(inner)));
  ASSERT_TRUE(ListAppend(thread_, outer, AsObject(inner)));
  Decref(thread_, AsObject(inner));
  Decref(thread_, AsObject(outer));
  EXPECT_EQ(test_.ReferenceTotal(), 0);
  EXPECT_EQ(test_.Get(Counter::kListsDestroyed), 2);
}

using ListDeathTest = ListTest;

TEST_F(ListDeathTest, RefusesWhatIsNoList) {
  Object* number = AsObject(NumberNew(thread_, 1));
  EXPECT_DEATH((void)ListSize(reinterpret_cast<List*>(number)), "INV-KIND");
  Decref(thread_, number);
}

}  // namespace
}  // namespace rt
