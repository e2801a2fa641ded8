#include "runtime/object/reference_count.h"

#include <cstdint>
#include <thread>

#include "gtest/gtest.h"
#include "runtime/object/invariants.h"
#include "runtime/object/list.h"
#include "runtime/object/merge_queue.h"
#include "runtime/object/number.h"
#include "runtime/object/object.h"
#include "runtime/object/object_test_space.h"
#include "runtime/object/type.h"

namespace rt {
namespace {

int64_t SharedOf(const Object* object) { return object->shared.load(std::memory_order_relaxed); }
uint32_t LocalOf(const Object* object) { return object->local.load(std::memory_order_relaxed); }
uint64_t OwnerOf(const Object* object) { return object->owner.load(std::memory_order_relaxed); }

class ReferenceCountTest : public ::testing::Test {
 protected:
  // Runs `body` on another attached thread, to its end.
  template <typename Body>
  void OnOtherThread(Body body) {
    std::thread([&] {
      TestThread other(test_);
      body(other);
    }).join();
  }

  Object* New() { return AsObject(NumberNew(thread_, 1)); }

  ObjectTestSpace test_;
  TestThread thread_{test_};
};

TEST_F(ReferenceCountTest, OwnerCountsLocally) {
  Object* object = New();
  EXPECT_EQ(OwnerOf(object), thread_.id);
  Incref(thread_, object);
  EXPECT_EQ(LocalOf(object), 2u);
  EXPECT_EQ(SharedOf(object), kSharedInitial);
  EXPECT_EQ(test_.ReferenceTotal(kStatIndexNumber), 2);
  CheckObjectInvariantsWorldStopped(object);
  Decref(thread_, object);
  EXPECT_EQ(test_.ReferenceTotal(kStatIndexNumber), 1);
  Decref(thread_, object);
  EXPECT_EQ(test_.ReferenceTotal(), 0);
  EXPECT_EQ(test_.Get(Counter::kNumbersDestroyed), 1);
}

TEST_F(ReferenceCountTest, OtherThreadsCountInShared) {
  Object* object = New();
  OnOtherThread([&](TestThread& other) {
    Incref(other, object);
    EXPECT_EQ(LocalOf(object), 1u);
    EXPECT_EQ(SharedOf(object), kSharedOne);
    Decref(other, object);
    EXPECT_EQ(SharedOf(object), kSharedInitial);
  });
  EXPECT_EQ(test_.ReferenceTotal(), 1);
  Decref(thread_, object);
  EXPECT_EQ(test_.ReferenceTotal(), 0);
}

TEST_F(ReferenceCountTest, OwnerGoingToZeroMergesWhatOthersHold) {
  Object* object = New();
  OnOtherThread([&](TestThread& other) { Incref(other, object); });
  Decref(thread_, object);
  EXPECT_EQ(SharedOf(object), kSharedOne | kSharedMerged);
  EXPECT_EQ(OwnerOf(object), kNoOwner);
  CheckObjectInvariantsWorldStopped(object);
  EXPECT_EQ(test_.ReferenceTotal(), 1);
  EXPECT_EQ(test_.Get(Counter::kNumbersDestroyed), 0);
  OnOtherThread([&](TestThread& other) { Decref(other, object); });
  EXPECT_EQ(test_.ReferenceTotal(), 0);
  EXPECT_EQ(test_.Get(Counter::kNumbersDestroyed), 1);
}

TEST_F(ReferenceCountTest, ForeignDecrefOfLocalCountGoesToTheQueue) {
  Object* object = New();
  Incref(thread_, object);
  OnOtherThread([&](TestThread& other) { Decref(other, object); });
  EXPECT_EQ(SharedOf(object), kSharedQueued);
  EXPECT_EQ(TrueCount(object), 2) << "the queue owns a reference";
  EXPECT_EQ(test_.ReferenceTotal(), 2);
  EXPECT_EQ(CheckMergeQueueInvariantsWorldStopped(test_.space()), 1u);
  EXPECT_NE(thread_.eval_breaker.load(std::memory_order_relaxed), 0u);
  thread_.SafePoint();
  EXPECT_EQ(SharedOf(object), kSharedOne | kSharedMerged);
  EXPECT_EQ(test_.ReferenceTotal(), 1);
  Decref(thread_, object);
  EXPECT_EQ(test_.ReferenceTotal(), 0);
}

TEST_F(ReferenceCountTest, SharedCountGoesBelowZeroWhileQueued) {
  Object* object = New();
  for (int i = 0; i < 3; ++i) Incref(thread_, object);
  OnOtherThread([&](TestThread& other) {
    for (int i = 0; i < 3; ++i) Decref(other, object);
  });
  EXPECT_EQ(SharedOf(object), -2 * kSharedOne | kSharedQueued);
  EXPECT_EQ(TrueCount(object), 2);
  EXPECT_EQ(test_.ReferenceTotal(), 2);
  CheckObjectInvariantsWorldStopped(object);
  Decref(thread_, object);
  EXPECT_EQ(test_.ReferenceTotal(), 1) << "only the queue's is left";
  thread_.SafePoint();
  EXPECT_EQ(test_.ReferenceTotal(), 0);
  EXPECT_EQ(test_.Get(Counter::kNumbersDestroyed), 1);
}

TEST_F(ReferenceCountTest, QueuedObjectSurvivesItsOwnersLastReference) {
  Object* object = New();
  Incref(thread_, object);
  OnOtherThread([&](TestThread& other) {
    Decref(other, object);
    EXPECT_EQ(SharedOf(object), kSharedQueued);
    Incref(other, object);
  });
  // The other thread's new reference is handed over as well.
  Decref(thread_, object);
  Decref(thread_, object);
  EXPECT_EQ(SharedOf(object), kSharedMerged | kSharedOne) << "queue's one";
  EXPECT_EQ(CheckMergeQueueInvariantsWorldStopped(test_.space()), 1u);
  thread_.SafePoint();
  EXPECT_EQ(test_.Get(Counter::kNumbersDestroyed), 1);
}

TEST_F(ReferenceCountTest, OwnerTriesLocally) {
  Object* object = New();
  EXPECT_TRUE(TryIncref(thread_, object));
  EXPECT_EQ(LocalOf(object), 2u);
  EXPECT_EQ(test_.ReferenceTotal(), 2);
  Decref(thread_, object);
  Decref(thread_, object);
}

TEST_F(ReferenceCountTest, OthersTryOnlyWhatIsMarkedForIt) {
  Object* object = New();
  OnOtherThread([&](TestThread& other) {
    EXPECT_FALSE(TryIncref(other, object));
    SetMaybeWeakref(object);
    SetMaybeWeakref(object);
    EXPECT_EQ(SharedOf(object), kSharedMaybeWeakref);
    ASSERT_TRUE(TryIncref(other, object));
    EXPECT_EQ(SharedOf(object), kSharedOne | kSharedMaybeWeakref);
    EXPECT_EQ(test_.ReferenceTotal(), 2);
    Decref(other, object);
    EXPECT_EQ(SharedOf(object), kSharedMaybeWeakref);
  });
  Decref(thread_, object);
  EXPECT_EQ(test_.ReferenceTotal(), 0);
}

TEST_F(ReferenceCountTest, TryingADeadObjectFails) {
  // A list: a number on the freelist is as one that was never shared (FL-3).
  Object* merged = AsObject(ListNew(thread_));
  SetMaybeWeakref(merged);
  Object* initial = New();
  Decref(thread_, merged);
  Decref(thread_, initial);
  EXPECT_EQ(SharedOf(merged), kSharedMerged);
  EXPECT_EQ(SharedOf(initial), kSharedInitial);
  EXPECT_FALSE(TryIncref(thread_, merged));
  EXPECT_FALSE(TryIncref(thread_, initial));
  OnOtherThread([&](TestThread& other) {
    EXPECT_FALSE(TryIncref(other, merged));
    EXPECT_FALSE(TryIncref(other, initial));
  });
  EXPECT_EQ(test_.ReferenceTotal(), 0);
}

TEST_F(ReferenceCountTest, IncrefMaybeWeakrefDoesBoth) {
  Object* object = New();
  IncrefMaybeWeakref(thread_, object);
  EXPECT_EQ(LocalOf(object), 2u);
  OnOtherThread([&](TestThread& other) {
    IncrefMaybeWeakref(other, object);
    EXPECT_EQ(SharedOf(object), kSharedOne | kSharedMaybeWeakref);
    EXPECT_EQ(test_.ReferenceTotal(), 3);
    EXPECT_TRUE(TryIncref(other, object));
    Decref(other, object);
    Decref(other, object);
  });
  Decref(thread_, object);
  Decref(thread_, object);
}

TEST_F(ReferenceCountTest, UniquelyReferencedIsForTheOwnerOfAnUnsharedOne) {
  Object* object = New();
  EXPECT_TRUE(IsUniquelyReferenced(thread_, object));
  Incref(thread_, object);
  EXPECT_FALSE(IsUniquelyReferenced(thread_, object));
  Decref(thread_, object);
  OnOtherThread([&](TestThread& other) {
    EXPECT_FALSE(IsUniquelyReferenced(other, object));
    Incref(other, object);
  });
  EXPECT_FALSE(IsUniquelyReferenced(thread_, object));
  OnOtherThread([&](TestThread& other) { Decref(other, object); });
  EXPECT_TRUE(IsUniquelyReferenced(thread_, object));
  Decref(thread_, object);
}

TEST_F(ReferenceCountTest, ExplicitMergeTakesTheOwnershipOff) {
  Object* object = New();
  Incref(thread_, object);
  EXPECT_EQ(ExplicitMerge(thread_, object, 0), 2);
  EXPECT_EQ(SharedOf(object), 2 * kSharedOne | kSharedMerged);
  CheckObjectInvariantsWorldStopped(object);
  EXPECT_EQ(test_.ReferenceTotal(), 2);
  EXPECT_EQ(ExplicitMerge(thread_, object, -1), 1);
  EXPECT_EQ(test_.ReferenceTotal(), 1);
  Decref(thread_, object);
  EXPECT_EQ(test_.ReferenceTotal(), 0);
}

// 2^32 references cannot be taken one by one here: the count is set by hand.
TEST_F(ReferenceCountTest, LocalCountThatRunsOverDoesNotBecomeImmortal) {
  Object* object = New();
  const int64_t many = int64_t{kImmortalLocal} - 1;
  object->local.store(kImmortalLocal - 1, std::memory_order_relaxed);
  Incref(thread_, object);
  EXPECT_FALSE(IsImmortal(object));
  EXPECT_EQ(TrueCount(object), many + 1);
  EXPECT_EQ(LocalOf(object), 2u);
  Decref(thread_, object);
  EXPECT_EQ(TrueCount(object), many);
  OnOtherThread([&](TestThread& other) { Decref(other, object); });
  EXPECT_EQ(TrueCount(object), many - 1);
  // Back to one reference, accounted for.
  object->shared.store(kSharedInitial, std::memory_order_relaxed);
  object->local.store(1, std::memory_order_relaxed);
  thread_.counters->AddReferences(kStatIndexNumber, 1 - test_.ReferenceTotal(kStatIndexNumber));
  Decref(thread_, object);
}

TEST_F(ReferenceCountTest, BornWithoutOwnerOutsideOfTheMergeTable) {
  Object* object;
  {
    TestThread gone(test_);
    // Two thread states on one OS thread: as a destructor that runs late in the
    // clearing of a thread state.
    MergeQueueLeave(gone, gone);
    EXPECT_EQ(gone.owner_id, kNobodyId);
    object = AsObject(NumberNew(gone, 7));
    EXPECT_EQ(SharedOf(object), kSharedOne | kSharedMerged);
    EXPECT_EQ(OwnerOf(object), kNoOwner);
    CheckObjectInvariantsWorldStopped(object);
  }
  thread_.MakeCurrent();
  EXPECT_EQ(test_.ReferenceTotal(), 1);
  Decref(thread_, object);
  EXPECT_EQ(test_.ReferenceTotal(), 0);
}

using ReferenceCountDeathTest = ReferenceCountTest;

#if RT_CHECKS
TEST_F(ReferenceCountDeathTest, UseOfADeadObjectIsFound) {
  Object* object = New();
  Decref(thread_, object);
  // AddressSanitizer says it in its own words.
  const char* const report = "INV-ALIVE|use-after-poison";
  EXPECT_DEATH(Incref(thread_, object), report);
  EXPECT_DEATH(Decref(thread_, object), report);
  EXPECT_DEATH((void)NumberValue(object), report);
}

TEST_F(ReferenceCountDeathTest, UseOfAFreedBlockIsFound) {
  TypeObject* type = TypeNew(thread_, {.name = "freed"});
  Decref(thread_, &type->header);
  const char* const report = "INV-ALIVE|use-after-poison";
  EXPECT_DEATH(Incref(thread_, &type->header), report);
  EXPECT_DEATH((void)TypeOf(&type->header), report);
}
#endif

}  // namespace
}  // namespace rt
