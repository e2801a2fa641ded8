// Immortal objects: sticky, and only made where no count can get lost.
#include <cstdint>
#include <set>
#include <thread>

#include "gtest/gtest.h"
#include "runtime/object/instance.h"
#include "runtime/object/invariants.h"
#include "runtime/object/list.h"
#include "runtime/object/number.h"
#include "runtime/object/object_test_space.h"
#include "runtime/object/reference_count.h"

namespace rt {
namespace {

class ImmortalTest : public ::testing::Test {
 protected:
  // Ends the life of an immortal object.
  void End(Object* object) {
    MakeMortalForTest(thread_, object);
    Decref(thread_, object);
  }

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

TEST_F(ImmortalTest, NothingCountsAnyMore) {
  Object* object = AsObject(NumberNew(thread_, 1));
  Incref(thread_, object);
  OnOtherThread([&](TestThread& other) { Incref(other, object); });
  EXPECT_EQ(test_.ReferenceTotal(), 3);
  ASSERT_TRUE(MakeImmortal(thread_, object));
  EXPECT_TRUE(MakeImmortal(thread_, object)) << "it is one already";
  EXPECT_TRUE(IsImmortal(object));
  EXPECT_EQ(test_.ReferenceTotal(), 0);
  CheckObjectInvariantsWorldStopped(object);
  for (int i = 0; i < 10; ++i) Decref(thread_, object);
  OnOtherThread([&](TestThread& other) {
    for (int i = 0; i < 10; ++i) Decref(other, object);
    Incref(other, object);
    EXPECT_TRUE(TryIncref(other, object));
    IncrefMaybeWeakref(other, object);
    EXPECT_TRUE(MakeImmortal(other, object));
  });
  EXPECT_EQ(test_.ReferenceTotal(), 0);
  EXPECT_EQ(NumberValue(object), 1);
  CheckObjectInvariantsWorldStopped(object);
  End(object);
}

TEST_F(ImmortalTest, RefusedToWhoIsNotTheOwner) {
  Object* object = AsObject(NumberNew(thread_, 1));
  OnOtherThread([&](TestThread& other) { EXPECT_FALSE(MakeImmortal(other, object)); });
  EXPECT_EQ(ExplicitMerge(thread_, object, 0), 1);
  EXPECT_FALSE(MakeImmortal(thread_, object)) << "nobody owns it";
  EXPECT_EQ(test_.ReferenceTotal(), 1);
  Decref(thread_, object);
}

TEST_F(ImmortalTest, RefusedWhileQueued) {
  Object* object = AsObject(NumberNew(thread_, 1));
  Incref(thread_, object);
  OnOtherThread([&](TestThread& other) { Decref(other, object); });
  EXPECT_FALSE(MakeImmortal(thread_, object));
  EXPECT_FALSE(IsImmortal(object));
  thread_.SafePoint();
  EXPECT_EQ(test_.ReferenceTotal(), 1);
  Decref(thread_, object);
  EXPECT_EQ(test_.Get(Counter::kNumbersDestroyed), 1);
}

// The window of a thread that looked at the object just before: it comes to the
// shared count, and must find it frozen, without accounting for anything.
TEST_F(ImmortalTest, LatecomersDoNotDisturbTheTotals) {
  Object* object = AsObject(NumberNew(thread_, 1));
  OnOtherThread([&](TestThread& other) {
    Incref(other, object);
    Incref(other, object);
  });
  ASSERT_TRUE(MakeImmortal(thread_, object));
  // As if `local` were still read as mortal.
  OnOtherThread([&](TestThread& other) {
    object->local.store(1, std::memory_order_relaxed);
    Incref(other, object);
    Decref(other, object);
    Decref(other, object);
    EXPECT_TRUE(TryIncref(other, object));
    IncrefMaybeWeakref(other, object);
    object->local.store(kImmortalLocal, std::memory_order_relaxed);
  });
  EXPECT_EQ(test_.ReferenceTotal(), 0);
  CheckObjectInvariantsWorldStopped(object);
  End(object);
}

TEST_F(ImmortalTest, BuiltinTypesAreImmortal) {
  TypeTable& types = test_.space().types;
  for (TypeObject* type : {&types.type_type, &types.number_type, &types.list_type}) {
    CheckObjectInvariantsWorldStopped(&type->header);
    EXPECT_TRUE(IsImmortal(&type->header));
    EXPECT_EQ(TypeOf(&type->header), &types.type_type);
  }
}

// Threads take and drop references while the owner makes the objects immortal.
TEST_F(ImmortalTest, ExactUnderFire) {
  constexpr int kObjects = 500;
  Object* objects[kObjects];
  for (int i = 0; i < kObjects; ++i) {
    objects[i] = AsObject(NumberNew(thread_, i));
    Incref(thread_, objects[i]);  // For the other thread.
  }
  TestBarrier barrier(2);
  std::thread foreign([&] {
    TestThread other(test_);
    barrier.Wait(other);
    for (Object* object : objects) {
      Incref(other, object);
      Incref(other, object);
      Decref(other, object);
      Decref(other, object);
      Decref(other, object);
    }
    barrier.Wait(other);
  });
  barrier.Wait(thread_);
  int immortal = 0;
  for (Object* object : objects) {
    if (MakeImmortal(thread_, object)) ++immortal;
  }
  barrier.Wait(thread_);
  foreign.join();
  thread_.SafePoint();
  // Mortal ones: refused because queued; our reference is the only one left.
  EXPECT_EQ(test_.ReferenceTotal(), kObjects - immortal);
  std::set<Object*> still_there;
  for (Object* object : objects) {
    CheckObjectInvariantsWorldStopped(object);
    if (IsImmortal(object)) still_there.insert(object);
    Decref(thread_, object);
  }
  EXPECT_EQ(static_cast<int>(still_there.size()), immortal);
  EXPECT_EQ(test_.ReferenceTotal(), 0);
  EXPECT_EQ(test_.Get(Counter::kNumbersDestroyed), kObjects - immortal);
  for (Object* object : objects) {
    if (still_there.count(object) != 0) End(object);
  }
  EXPECT_EQ(test_.Get(Counter::kNumbersDestroyed), kObjects);
}

}  // namespace
}  // namespace rt
