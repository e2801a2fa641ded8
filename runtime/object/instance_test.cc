#include "runtime/object/instance.h"

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/object/invariants.h"
#include "runtime/object/list.h"
#include "runtime/object/number.h"
#include "runtime/object/object_test_space.h"
#include "runtime/object/reference_count.h"

namespace rt {
namespace {

class InstanceTest : public ::testing::Test {
 protected:
  template <typename Body>
  void OnOtherThread(Body body) {
    std::thread([&] {
      TestThread other(test_);
      body(other);
    }).join();
  }

  ObjectTestSpace test_;
  TestThread thread_{test_};
};

TEST_F(InstanceTest, SlotsHoldReferences) {
  TypeObject* type = TypeNew(thread_, {.name = "pair", .slot_count = 2});
  Instance* pair = InstanceNew(thread_, type);
  EXPECT_EQ(TrueCount(AsObject(type)), 2);
  EXPECT_EQ(InstanceGet(thread_, pair, 0), nullptr);
  Object* number = AsObject(NumberNew(thread_, 3));
  InstanceSet(thread_, pair, 1, number);
  Decref(thread_, number);
  Object* got = InstanceGet(thread_, pair, 1);
  EXPECT_EQ(got, number);
  Decref(thread_, got);
  OnOtherThread([&](TestThread& other) {
    for (int i = 0; i < 2; ++i) {
      Object* value = InstanceGet(other, pair, 1);
      EXPECT_EQ(NumberValue(value), 3);
      Decref(other, value);
    }
  });
  InstanceSet(thread_, pair, 1, nullptr);
  EXPECT_EQ(test_.Get(Counter::kNumbersDestroyed), 1);
  EXPECT_EQ(test_.ReferenceTotal(type->stat_index), 1);
  Decref(thread_, AsObject(type));
  EXPECT_EQ(HeapTypeCount(test_.space()), 1u) << "the instance holds it";
  Decref(thread_, AsObject(pair));
  EXPECT_EQ(HeapTypeCount(test_.space()), 0u);
  EXPECT_EQ(test_.ReferenceTotal(), 0);
}

using InstanceDeathTest = InstanceTest;

TEST_F(InstanceDeathTest, SlotOutOfRangeDies) {
  TypeObject* type = TypeNew(thread_, {.name = "pair", .slot_count = 2});
  Instance* pair = InstanceNew(thread_, type);
  EXPECT_DEATH((void)InstanceGet(thread_, pair, 2), "INV-SLOT");
  EXPECT_DEATH(InstanceSet(thread_, pair, 2, nullptr), "INV-SLOT");
  EXPECT_EQ(TypeNew(thread_, {.slot_count = kMaxTypeSlotCount + 1}), nullptr);
  Decref(thread_, AsObject(type));
  Decref(thread_, AsObject(pair));
}

// What the finalizer does with its instance.
struct Keeper {
  int calls = 0;
  List* list = nullptr;  // Not null: the instance is kept here.
  bool drop_elsewhere = false;
  ObjectTestSpace* test = nullptr;
};

void KeepOrNot(ObjectThread& thread, Instance* instance, void* context) {
  auto* keeper = static_cast<Keeper*>(context);
  ++keeper->calls;
  EXPECT_EQ(TrueCount(AsObject(instance)), 1);
  if (keeper->list != nullptr) {
    EXPECT_TRUE(ListAppend(thread, keeper->list, AsObject(instance)));
  }
  if (keeper->drop_elsewhere) {
    // Another thread takes a reference and drops it, and drops the list's too.
    std::thread([&] {
      TestThread other(*keeper->test);
      Object* object = ListPop(other, keeper->list);
      Incref(other, object);
      Decref(other, object);
      Decref(other, object);
    }).join();
  }
}

TEST_F(InstanceTest, FinalizerRunsOnceAndLastsOneLife) {
  Keeper keeper;
  TypeObject* type =
      TypeNew(thread_, {.name = "kept", .finalizer = &KeepOrNot, .finalizer_context = &keeper});
  Decref(thread_, AsObject(InstanceNew(thread_, type)));
  EXPECT_EQ(keeper.calls, 1);
  EXPECT_EQ(test_.Get(Counter::kInstancesDestroyed), 1);
  EXPECT_EQ(test_.Get(Counter::kFinalizersRun), 1);
  Decref(thread_, AsObject(type));
  EXPECT_EQ(test_.ReferenceTotal(), 0);
}

TEST_F(InstanceTest, ResurrectedInstanceLivesAndDiesWithoutFinalizer) {
  for (const bool merged : {false, true}) {
    Keeper keeper;
    keeper.list = ListNew(thread_);
    TypeObject* type = TypeNew(
        thread_,
        {.name = "kept", .slot_count = 1, .finalizer = &KeepOrNot, .finalizer_context = &keeper});
    Instance* instance = InstanceNew(thread_, type);
    Number* number = NumberNew(thread_, 9);
    InstanceSet(thread_, instance, 0, AsObject(number));
    Decref(thread_, AsObject(number));
    if (merged) {
      ASSERT_EQ(ExplicitMerge(thread_, AsObject(instance), 0), 1);
    }
    Decref(thread_, AsObject(instance));
    EXPECT_EQ(keeper.calls, 1);
    EXPECT_EQ(test_.ReferenceTotal(kStatIndexNumber), 1);
    CheckObjectInvariantsWorldStopped(AsObject(instance));
    EXPECT_EQ(TrueCount(AsObject(instance)), 1);
    ListClear(thread_, keeper.list);
    EXPECT_EQ(keeper.calls, 1);
    EXPECT_EQ(test_.ReferenceTotal(kStatIndexNumber), 0);
    Decref(thread_, AsObject(keeper.list));
    Decref(thread_, AsObject(type));
    EXPECT_EQ(test_.ReferenceTotal(), 0);
  }
}

// During the finalizer another thread gets the object and drops the last
// reference but ours: the object may be gone as soon as ours is dropped.
TEST_F(InstanceTest, AnotherThreadMayDropWhatTheFinalizerKept) {
  for (const bool merged : {false, true}) {
    Keeper keeper;
    keeper.list = ListNew(thread_);
    keeper.drop_elsewhere = true;
    keeper.test = &test_;
    TypeObject* type =
        TypeNew(thread_, {.name = "kept", .finalizer = &KeepOrNot, .finalizer_context = &keeper});
    Instance* instance = InstanceNew(thread_, type);
    if (merged) {
      ASSERT_EQ(ExplicitMerge(thread_, AsObject(instance), 0), 1);
    }
    Decref(thread_, AsObject(instance));
    thread_.SafePoint();
    EXPECT_EQ(keeper.calls, 1);
    Decref(thread_, AsObject(keeper.list));
    Decref(thread_, AsObject(type));
    EXPECT_EQ(test_.ReferenceTotal(), 0);
  }
  EXPECT_EQ(test_.Get(Counter::kInstancesDestroyed), 2);
}

}  // namespace
}  // namespace rt
