// The collector's promises one by one, on one thread and with a few that hand
// objects over.
#include "runtime/gc/collector.h"

#include <cstdint>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/gc/collector_test_space.h"
#include "runtime/object/destroy.h"
#include "runtime/object/dict.h"
#include "runtime/object/instance.h"
#include "runtime/object/invariants.h"
#include "runtime/object/list.h"
#include "runtime/object/number.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/tuple.h"
#include "runtime/object/weak_reference.h"

namespace rt {
namespace {

// What a finalizer or callback of these tests does and saw.
struct Log {
  int finalized = 0;
  int called_back = 0;
  Object* saved = nullptr;             // Where Save() stores a new reference.
  Object* dropped = nullptr;           // What Drop() drops.
  WeakReference* looked_at = nullptr;  // What LookThrough() reads.
  bool found = false;
};

void Note(ObjectThread&, Instance*, void* context) { ++static_cast<Log*>(context)->finalized; }

void Save(ObjectThread& thread, Instance* instance, void* context) {
  Log& log = *static_cast<Log*>(context);
  ++log.finalized;
  Incref(thread, AsObject(instance));
  log.saved = AsObject(instance);
}

void LookThrough(ObjectThread& thread, Instance*, void* context) {
  Log& log = *static_cast<Log*>(context);
  ++log.finalized;
  Object* const found = WeakReferenceGet(thread, log.looked_at);
  log.found = found != nullptr;
  DecrefIfNotNull(thread, found);
}

void Drop(ObjectThread& thread, Instance*, void* context) {
  Decref(thread, static_cast<Log*>(context)->dropped);
}

void NoteCall(ObjectThread& thread, WeakReference* reference, void* context) {
  EXPECT_EQ(WeakReferenceGet(thread, reference), nullptr);
  ++static_cast<Log*>(context)->called_back;
}

class CollectorTest : public ::testing::Test {
 protected:
  ~CollectorTest() override {
    for (TypeObject* type : types_) Decref(thread_, AsObject(type));
    EXPECT_EQ(Collect().status, CollectStatus::kDone);
    EXPECT_EQ(space_.test().ReferenceTotal(), 0);
  }

  CollectResult Collect() {
    const CollectResult result = space_.collector().Collect(thread_);
    space_.Check(thread_);
    return result;
  }

  TypeObject* Type(FinalizerFunction finalizer = nullptr) {
    types_.push_back(TypeNew(thread_, {.name = "node",
                                       .slot_count = 2,
                                       .finalizer = finalizer,
                                       .finalizer_context = &log_,
                                       .weakly_referable = true}));
    return types_.back();
  }

  // An instance that refers to itself; the caller gets a reference.
  Instance* SelfCycle(TypeObject* type) {
    Instance* const instance = InstanceNew(thread_, type);
    InstanceSet(thread_, instance, 0, AsObject(instance));
    return instance;
  }

  // A list that holds itself, of `thread`; dropped at once.
  static void DropListCycle(ObjectThread& thread) {
    List* const list = ListNew(thread);
    EXPECT_TRUE(ListAppend(thread, list, AsObject(list)));
    Decref(thread, AsObject(list));
  }

  int64_t Get(Counter counter) { return space_.test().Get(counter); }

  CollectorTestSpace space_;
  TestThread thread_{space_.test()};
  Log log_;
  std::vector<TypeObject*> types_;
};

TEST_F(CollectorTest, FindsACycleAndNothingElse) {
  List* const alive = ListNew(thread_);
  ASSERT_TRUE(ListAppend(thread_, alive, AsObject(alive)));
  DropListCycle(thread_);
  const CollectResult result = Collect();
  EXPECT_EQ(result.status, CollectStatus::kDone);
  EXPECT_EQ(result.tracked_count, 2);
  EXPECT_EQ(result.collected_count, 1);
  EXPECT_EQ(result.pause_count, 1) << "no finalizer, no callback: one pause is enough";
  EXPECT_EQ(TrueCount(AsObject(alive)), 2);
  ListClear(thread_, alive);
  Decref(thread_, AsObject(alive));
  EXPECT_EQ(Get(Counter::kListsDestroyed), 2);
}

TEST_F(CollectorTest, WhatOneReferenceFromOutsideHoldsStays) {
  TypeObject* const type = Type();
  // A ring of 100; outside holds one in the middle.
  std::vector<Instance*> ring;
  for (int i = 0; i < 100; ++i) ring.push_back(InstanceNew(thread_, type));
  for (size_t i = 0; i < ring.size(); ++i) {
    InstanceSet(thread_, ring[i], 0, AsObject(ring[(i + 1) % ring.size()]));
  }
  for (size_t i = 0; i < ring.size(); ++i) {
    if (i != 50) Decref(thread_, AsObject(ring[i]));
  }
  EXPECT_EQ(Collect().collected_count, 0);
  EXPECT_EQ(TrueCount(AsObject(type)), 101);
  Decref(thread_, AsObject(ring[50]));
  EXPECT_EQ(Collect().collected_count, 100);
  EXPECT_EQ(TrueCount(AsObject(type)), 1);
}

TEST_F(CollectorTest, ATypeDiesWithItsLastCycle) {
  TypeObject* const type = TypeNew(thread_, {.name = "short", .slot_count = 1});
  Instance* const instance = SelfCycle(type);
  Decref(thread_, AsObject(type));
  Decref(thread_, AsObject(instance));
  EXPECT_EQ(HeapTypeCount(space_.space()), 1u);
  EXPECT_EQ(Collect().collected_count, 2) << "the instance and the type only it holds";
  EXPECT_EQ(HeapTypeCount(space_.space()), 0u);
}

TEST_F(CollectorTest, EveryContainerCanBeInACycle) {
  List* const list = ListNew(thread_);
  Object* const key = AsObject(NumberNew(thread_, 1));
  Dict* const dict = DictNew(thread_);
  ASSERT_TRUE(DictSet(thread_, dict, key, AsObject(list)));
  Object* items[] = {key, AsObject(dict)};
  Tuple* const tuple = TupleNew(thread_, items, 2);
  ASSERT_TRUE(ListAppend(thread_, list, AsObject(tuple)));
  for (Object* each : {AsObject(list), key, AsObject(dict)}) Decref(thread_, each);
  EXPECT_EQ(Collect().collected_count, 0);
  EXPECT_EQ(TrueCount(AsObject(dict)), 1);
  EXPECT_EQ(TrueCount(AsObject(tuple)), 2);
  Decref(thread_, AsObject(tuple));
  EXPECT_EQ(Collect().collected_count, 3);
}

TEST_F(CollectorTest, ImmortalObjectsAreRoots) {
  TypeObject* const type = Type();
  Instance* const root = InstanceNew(thread_, type);
  Instance* const held = SelfCycle(type);
  InstanceSet(thread_, root, 0, AsObject(held));
  InstanceSet(thread_, held, 1, AsObject(root));
  Decref(thread_, AsObject(held));
  ASSERT_TRUE(MakeImmortal(thread_, AsObject(root)));
  EXPECT_EQ(Collect().collected_count, 0);
  EXPECT_TRUE(IsImmortal(AsObject(root)));
  CheckObjectInvariantsWorldStopped(AsObject(root));
  EXPECT_EQ(TrueCount(AsObject(held)), 2);
  // Put the books right: an immortal object is never destroyed.
  InstanceSet(thread_, held, 1, nullptr);
  MakeMortalForTest(thread_, AsObject(root));
  Decref(thread_, AsObject(root));
}

TEST_F(CollectorTest, FinalizersRunOnceThoughTheObjectIsSaved) {
  Instance* const instance = SelfCycle(Type(&Save));
  Instance* const friend_of = SelfCycle(Type());
  InstanceSet(thread_, instance, 1, AsObject(friend_of));
  Decref(thread_, AsObject(friend_of));
  Decref(thread_, AsObject(instance));
  CollectResult result = Collect();
  EXPECT_EQ(result.unreachable_count, 2);
  EXPECT_EQ(result.saved_count, 2) << "and what it leads to";
  EXPECT_EQ(result.collected_count, 0);
  EXPECT_EQ(result.pause_count, 2);
  EXPECT_EQ(log_.finalized, 1);
  ASSERT_EQ(log_.saved, AsObject(instance));
  EXPECT_EQ(TrueCount(log_.saved), 2);
  Object* const value = InstanceGet(thread_, instance, 1);
  EXPECT_EQ(value, AsObject(friend_of)) << "saved objects are not cleared";
  Decref(thread_, value);
  EXPECT_EQ(Collect().collected_count, 0);
  Decref(thread_, log_.saved);
  result = Collect();
  EXPECT_EQ(result.collected_count, 2);
  EXPECT_EQ(log_.finalized, 1) << "once in a life";
}

TEST_F(CollectorTest, FinalizerThatSavesNothingIsFollowedByTheEnd) {
  Decref(thread_, AsObject(SelfCycle(Type(&Note))));
  const CollectResult result = Collect();
  EXPECT_EQ(result.finalizer_count, 1);
  EXPECT_EQ(result.collected_count, 1);
  EXPECT_EQ(log_.finalized, 1);
  EXPECT_EQ(Get(Counter::kInstancesDestroyed), 1);
}

TEST_F(CollectorTest, WeakReferencesWithCallbackGoFirstOthersAfterFinalizers) {
  Instance* const instance = SelfCycle(Type(&LookThrough));
  WeakReference* const called = WeakReferenceNew(thread_, AsObject(instance), &NoteCall, &log_);
  WeakReference* const silent = WeakReferenceNew(thread_, AsObject(instance));
  log_.looked_at = silent;
  Decref(thread_, AsObject(instance));
  const CollectResult result = Collect();
  EXPECT_EQ(log_.called_back, 1);
  EXPECT_EQ(log_.finalized, 1);
  EXPECT_TRUE(log_.found) << "the finalizer may use what has no callback";
  EXPECT_EQ(result.collected_count, 1);
  EXPECT_EQ(WeakReferenceGet(thread_, silent), nullptr);
  for (WeakReference* reference : {called, silent}) Decref(thread_, AsObject(reference));
}

// While garbage is taken apart, something that was reachable until a finalizer let
// go of it dies, and its own finalizer looks: it must not see what is half cleared.
TEST_F(CollectorTest, NothingIsSeenOfWhatIsTakenApart) {
  Instance* const garbage = SelfCycle(Type(&Drop));
  Instance* const witness = InstanceNew(thread_, Type(&LookThrough));
  WeakReference* const silent = WeakReferenceNew(thread_, AsObject(garbage));
  InstanceSet(thread_, garbage, 1, AsObject(witness));
  log_.looked_at = silent;
  log_.dropped = AsObject(witness);
  Decref(thread_, AsObject(garbage));
  const CollectResult result = Collect();
  EXPECT_EQ(result.collected_count, 1) << "the witness died by its count";
  EXPECT_EQ(log_.finalized, 1);
  EXPECT_FALSE(log_.found);
  Decref(thread_, AsObject(silent));
}

// A finalizer makes a weak reference to garbage: it must not show what is cleared.
TEST_F(CollectorTest, WeakReferencesMadeByFinalizersAreClearedToo) {
  struct Made {
    WeakReference* reference = nullptr;
    Log* log = nullptr;
  } made{nullptr, &log_};
  TypeObject* const type =
      TypeNew(thread_, {.name = "maker",
                        .slot_count = 1,
                        .finalizer =
                            [](ObjectThread& thread, Instance* instance, void* context) {
                              Made& made = *static_cast<Made*>(context);
                              made.reference =
                                  WeakReferenceNew(thread, AsObject(instance), &NoteCall, made.log);
                            },
                        .finalizer_context = &made,
                        .weakly_referable = true});
  types_.push_back(type);
  Decref(thread_, AsObject(SelfCycle(type)));
  EXPECT_EQ(Collect().collected_count, 1);
  EXPECT_EQ(WeakReferenceGet(thread_, made.reference), nullptr);
  EXPECT_EQ(log_.called_back, 1);
  Decref(thread_, AsObject(made.reference));
}

TEST_F(CollectorTest, AWeakReferenceThatIsGarbageItselfIsNotCalled) {
  Instance* const instance = SelfCycle(Type());
  WeakReference* const reference = WeakReferenceNew(thread_, AsObject(instance), &NoteCall, &log_);
  InstanceSet(thread_, instance, 1, AsObject(reference));
  Decref(thread_, AsObject(reference));
  Decref(thread_, AsObject(instance));
  EXPECT_EQ(Collect().collected_count, 2);
  EXPECT_EQ(log_.called_back, 0);
  EXPECT_EQ(Get(Counter::kWeakReferencesDestroyed), 1);
}

// Garbage holds a weak reference to something that lives on: it is not told of
// that one's later death either.
TEST_F(CollectorTest, GarbageWeakReferenceLeavesALivingReferent) {
  TypeObject* const type = Type();
  Instance* const alive = InstanceNew(thread_, type);
  Instance* const garbage = SelfCycle(type);
  WeakReference* const reference = WeakReferenceNew(thread_, AsObject(alive), &NoteCall, &log_);
  InstanceSet(thread_, garbage, 1, AsObject(reference));
  Decref(thread_, AsObject(reference));
  Decref(thread_, AsObject(garbage));
  EXPECT_EQ(Collect().collected_count, 2);
  EXPECT_EQ(WeakReferenceCount(thread_, AsObject(alive)), 0u);
  Decref(thread_, AsObject(alive));
  EXPECT_EQ(log_.called_back, 0);
}

TEST_F(CollectorTest, RefusesWithinAFinalizer) {
  struct Inner {
    Collector* collector;
    CollectStatus status = CollectStatus::kDone;
  } inner{&space_.collector()};
  TypeObject* const type =
      TypeNew(thread_, {.name = "collects",
                        .finalizer =
                            [](ObjectThread& thread, Instance*, void* context) {
                              Inner& inner = *static_cast<Inner*>(context);
                              inner.status = inner.collector->Collect(thread).status;
                            },
                        .finalizer_context = &inner});
  types_.push_back(type);
  Decref(thread_, AsObject(InstanceNew(thread_, type)));
  EXPECT_EQ(inner.status, CollectStatus::kInDestructor);
}

TEST_F(CollectorTest, FrozenObjectsAreLeftAloneButDieByTheirCounts) {
  DropListCycle(thread_);
  List* const frozen = ListNew(thread_);
  List* const held = ListNew(thread_);
  ASSERT_TRUE(ListAppend(thread_, frozen, AsObject(held)));
  EXPECT_EQ(space_.collector().Freeze(thread_), CollectStatus::kDone);
  DropListCycle(thread_);
  // Marking must not go on from what is frozen.
  List* const alive = ListNew(thread_);
  ASSERT_TRUE(ListAppend(thread_, alive, AsObject(frozen)));
  CollectResult result = Collect();
  EXPECT_EQ(result.tracked_count, 2);
  EXPECT_EQ(result.collected_count, 1);
  EXPECT_EQ(TrueCount(AsObject(frozen)), 2);
  EXPECT_EQ(TrueCount(AsObject(held)), 2);
  Decref(thread_, AsObject(alive));
  Decref(thread_, AsObject(held));
  Decref(thread_, AsObject(frozen));
  EXPECT_EQ(Get(Counter::kListsDestroyed), 4);
  EXPECT_EQ(space_.collector().Unfreeze(thread_), CollectStatus::kDone);
  result = Collect();
  EXPECT_EQ(result.collected_count, 1);
}

// A frozen object in its owner's queue when a collection merges: it must die, not
// stay tracked with count 0.
TEST_F(CollectorTest, FrozenObjectThatWasQueuedDies) {
  List* const list = ListNew(thread_);
  EXPECT_EQ(space_.collector().Freeze(thread_), CollectStatus::kDone);
  thread_.Detach();
  space_.test().RunThreads(1, [&](TestThread& other, int) { Decref(other, AsObject(list)); });
  thread_.Attach();
  EXPECT_EQ(Get(Counter::kObjectsQueued), 1);
  Collect();
  EXPECT_EQ(Get(Counter::kListsDestroyed), 1);
  EXPECT_EQ(space_.collector().Unfreeze(thread_), CollectStatus::kDone);
  Collect();
}

TEST_F(CollectorTest, FindsGarbageInParkedBundlesAndOfOtherThreads) {
  thread_.Detach();
  space_.test().RunThreads(2, [&](TestThread& thread, int index) {
    for (int i = 0; i < 50; ++i) DropListCycle(thread);
    if (index == 1) return;
    // The other one has parked its bundle, or will.
    EXPECT_EQ(space_.collector().Collect(thread).status, CollectStatus::kDone);
  });
  thread_.Attach();
  const CollectResult result = Collect();
  EXPECT_EQ(Get(Counter::kObjectsCollected), 100);
  EXPECT_LE(result.collected_count, 50);
  EXPECT_EQ(Get(Counter::kListsDestroyed), 100);
}

TEST_F(CollectorTest, EmptiesEveryFreelist) {
  Decref(thread_, AsObject(ListNew(thread_)));
  Decref(thread_, AsObject(NumberNew(thread_, 1)));
  Collect();
  EXPECT_EQ(FreelistObjectCount(thread_), 0);
  EXPECT_TRUE(thread_.list_freelist.enabled() || RT_FREELISTS == 0);
}

// Deep nesting: neither marking nor destroying recurses without bound.
TEST_F(CollectorTest, LongChainsAreNoProblem) {
  constexpr int kLength = 200000;
  List* first = nullptr;
  List* last = nullptr;
  for (int i = 0; i < kLength; ++i) {
    List* const list = ListNew(thread_);
    if (last == nullptr) {
      first = list;
    } else {
      ASSERT_TRUE(ListAppend(thread_, last, AsObject(list)));
      if (last != first) Decref(thread_, AsObject(last));
    }
    last = list;
  }
  ASSERT_TRUE(ListAppend(thread_, last, AsObject(first)));
  Decref(thread_, AsObject(last));
  EXPECT_EQ(Collect().collected_count, 0);
  Decref(thread_, AsObject(first));
  EXPECT_EQ(Collect().collected_count, kLength);
}

TEST_F(CollectorTest, AsksForACollectionWhenTheThresholdIsPassed) {
  CollectionCounts& counts = space_.space().collection;
  counts.threshold.store(1000, std::memory_order_relaxed);
  const auto asked = [this] {
    return (thread_.eval_breaker.load(std::memory_order_relaxed) & kEvalBreakerCollect) != 0;
  };
  std::vector<Object*> lists;
  while (!asked() && lists.size() < 5000) lists.push_back(AsObject(ListNew(thread_)));
  // To within the 512 of a flush.
  EXPECT_GT(lists.size(), 1000u);
  EXPECT_LE(lists.size(), 1000u + 512u);
  Collect();
  EXPECT_EQ(counts.young.load(std::memory_order_relaxed), 0);
  EXPECT_EQ(counts.survivors.load(std::memory_order_relaxed), static_cast<int64_t>(lists.size()));
  // Deaths of survivors are no credit.
  for (Object* list : lists) Decref(thread_, list);
  EXPECT_GE(counts.young.load(std::memory_order_relaxed), 0);
  space_.Check(thread_);
  thread_.eval_breaker.store(0, std::memory_order_relaxed);
  // A quarter of the survivors is more than the threshold now.
  counts.survivors.store(8000, std::memory_order_relaxed);
  lists.clear();
  while (!asked() && lists.size() < 5000) lists.push_back(AsObject(ListNew(thread_)));
  EXPECT_GT(lists.size(), 2000u - 512u);
  for (Object* list : lists) Decref(thread_, list);
}

// Reading the counts as often as one likes does not put a collection off.
TEST_F(CollectorTest, ASettingOfZeroIsNever) {
  space_.space().collection.threshold.store(0, std::memory_order_relaxed);
  std::vector<Object*> lists;
  for (int i = 0; i < 5000; ++i) lists.push_back(AsObject(ListNew(thread_)));
  EXPECT_EQ(thread_.eval_breaker.load(std::memory_order_relaxed) & kEvalBreakerCollect, 0u);
  for (Object* list : lists) Decref(thread_, list);
}

}  // namespace
}  // namespace rt
