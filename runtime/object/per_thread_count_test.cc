// Per-thread counts against a plain model: who holds how many references to
// which type, and when a type may die.
#include "runtime/object/per_thread_count.h"

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/object/destroy.h"
#include "runtime/object/instance.h"
#include "runtime/object/invariants.h"
#include "runtime/object/object_test_space.h"
#include "runtime/object/reference_count.h"

namespace rt {
namespace {

CountId IdOf(const TypeObject* type) { return type->count_id.load(std::memory_order_relaxed); }

int64_t SharedOf(const TypeObject* type) {
  return type->header.shared.load(std::memory_order_relaxed);
}

// What a collection does with them. Nobody else runs.
size_t Merge(TestThread& thread) {
  const size_t count = MergePerThreadCountsWorldStopped(thread);
  DrainTrashcan(thread);
  return count;
}

void DropAs(TestThread& thread, Instance* instance) {
  thread.MakeCurrent();
  Decref(thread, AsObject(instance));
}

// Each thread merges what the others queued for it.
void DrainQueuesOf(std::initializer_list<TestThread*> threads) {
  for (TestThread* thread : threads) {
    thread->MakeCurrent();
    MergeQueueDrain(*thread);
  }
}

Instance* NewAs(TestThread& thread, TypeObject* type) {
  thread.MakeCurrent();
  return InstanceNew(thread, type);
}

TEST(PerThreadCountTest, ATypeOfOneThreadHasNoIdAndDiesAtOnce) {
  ObjectTestSpace test;
  TestThread thread(test);
  TypeObject* type = TypeNew(thread, {.name = "own"});
  Instance* instance = InstanceNew(thread, type);
  EXPECT_EQ(IdOf(type), kNoCountId);
  Decref(thread, AsObject(type));
  EXPECT_EQ(HeapTypeCount(test.space()), 1u);
  Decref(thread, AsObject(instance));
  EXPECT_EQ(HeapTypeCount(test.space()), 0u);
}

TEST(PerThreadCountTest, InstancesOfTwoThreadsLeaveTheTypeAlone) {
  ObjectTestSpace test;
  TestThread maker(test);
  TestThread user(test);
  maker.MakeCurrent();
  TypeObject* type = TypeNew(maker, {.name = "hot"});
  Instance* first = NewAs(user, type);
  EXPECT_NE(IdOf(type), kNoCountId);
  const int64_t shared = SharedOf(type);
  const uint32_t local = type->header.local.load(std::memory_order_relaxed);
  std::vector<Instance*> instances;
  for (int i = 0; i < 100; ++i) {
    instances.push_back(NewAs(user, type));
    instances.push_back(NewAs(maker, type));
  }
  // Each by the thread that did not make it: values of -100 and +100.
  for (size_t i = 0; i < instances.size(); ++i) {
    DropAs(i % 2 == 0 ? maker : user, instances[i]);
  }
  DrainQueuesOf({&maker, &user});
  EXPECT_EQ(SharedOf(type), shared);
  EXPECT_EQ(type->header.local.load(std::memory_order_relaxed), local);
  EXPECT_EQ(test.ReferenceTotal(kStatIndexType), 2);
  CheckPerThreadCountInvariantsWorldStopped(test.space());
  DropAs(user, first);
  maker.MakeCurrent();
  Decref(maker, AsObject(type));
  // Its last reference is gone, and only a merge can see that.
  EXPECT_EQ(test.ReferenceTotal(kStatIndexType), 0);
  EXPECT_EQ(HeapTypeCount(test.space()), 1u);
  EXPECT_EQ(Merge(maker), 1u);
  EXPECT_EQ(HeapTypeCount(test.space()), 0u);
  CheckPerThreadCountInvariantsWorldStopped(test.space());
}

TEST(PerThreadCountTest, AMergeKeepsTheLiving) {
  ObjectTestSpace test;
  TestThread maker(test);
  TestThread user(test);
  maker.MakeCurrent();
  TypeObject* type = TypeNew(maker, {.name = "hot"});
  Instance* instance = NewAs(user, type);
  maker.MakeCurrent();
  Decref(maker, AsObject(type));
  EXPECT_EQ(Merge(maker), 0u);
  const CountId id = IdOf(type);
  EXPECT_NE(id, kNoCountId);
  EXPECT_EQ(TrueCount(AsObject(type)), 1);
  DropAs(user, instance);
  EXPECT_EQ(Merge(user), 1u);
  // The id is free again.
  maker.MakeCurrent();
  TypeObject* next = TypeNew(maker, {.name = "next"});
  DropAs(user, NewAs(user, next));
  EXPECT_EQ(IdOf(next), id);
  maker.MakeCurrent();
  Decref(maker, AsObject(next));
  EXPECT_EQ(Merge(maker), 1u);
}

TEST(PerThreadCountTest, AnEndedThreadCountsPlainly) {
  ObjectTestSpace test;
  TestThread maker(test);
  maker.MakeCurrent();
  TypeObject* type = TypeNew(maker, {.name = "hot"});
  Instance* instance;
  Instance* late;
  {
    TestThread user(test);
    instance = NewAs(user, type);
    late = NewAs(user, type);
    maker.MakeCurrent();
    user.Clear(maker);
    EXPECT_EQ(user.per_thread_counts, nullptr);
    EXPECT_EQ(TrueCount(AsObject(type)), 3);
    // Its thread state is cleared, and still something is dropped as it.
    user.MakeCurrent();
    Decref(user, AsObject(late));
    EXPECT_EQ(user.per_thread_counts, nullptr);
    EXPECT_EQ(TrueCount(AsObject(type)), 2);
  }
  maker.MakeCurrent();
  Decref(maker, AsObject(type));
  Decref(maker, AsObject(instance));
  EXPECT_EQ(HeapTypeCount(test.space()), 1u);
  EXPECT_EQ(Merge(maker), 1u);
}

TEST(PerThreadCountTest, AnImmortalTypeIsNotMergedInto) {
  ObjectTestSpace test;
  TestThread maker(test);
  TestThread user(test);
  maker.MakeCurrent();
  TypeObject* type = TypeNew(maker, {.name = "immortal"});
  Instance* before = NewAs(user, type);
  maker.MakeCurrent();
  ASSERT_TRUE(MakeImmortal(maker, AsObject(type)));
  EXPECT_EQ(Merge(maker), 0u);
  EXPECT_EQ(SharedOf(type), kImmortalShared);
  EXPECT_EQ(test.ReferenceTotal(kStatIndexType), 0);
  Instance* after = NewAs(user, type);
  DropAs(user, before);
  DropAs(user, after);
  EXPECT_EQ(Merge(user), 0u);
  EXPECT_EQ(SharedOf(type), kImmortalShared);
  EXPECT_EQ(test.ReferenceTotal(kStatIndexType), 0);
  CheckPerThreadCountInvariantsWorldStopped(test.space());
  CheckObjectInvariantsWorldStopped(AsObject(type));
  maker.MakeCurrent();
  ClosePerThreadCountsWorldStopped(maker);
  MakeMortalForTest(maker, AsObject(type));
  Decref(maker, AsObject(type));
}

TEST(PerThreadCountTest, AClosedPoolGivesOutNothingAndTypesDieAtOnce) {
  ObjectTestSpace test;
  TestThread maker(test);
  TestThread user(test);
  maker.MakeCurrent();
  TypeObject* type = TypeNew(maker, {.name = "late"});
  TypeObject* dead = TypeNew(maker, {.name = "dead"});
  Instance* instance = NewAs(user, type);
  DropAs(user, NewAs(user, dead));
  maker.MakeCurrent();
  Decref(maker, AsObject(dead));
  ClosePerThreadCountsWorldStopped(maker);
  DrainTrashcan(maker);
  EXPECT_EQ(HeapTypeCount(test.space()), 1u);
  EXPECT_EQ(IdOf(type), kNoCountId);
  EXPECT_EQ(TrueCount(AsObject(type)), 2);
  DropAs(user, NewAs(user, type));
  EXPECT_EQ(IdOf(type), kNoCountId);
  Decref(user, AsObject(type));
  DropAs(user, instance);
  EXPECT_EQ(HeapTypeCount(test.space()), 0u);
  CheckPerThreadCountInvariantsWorldStopped(test.space());
}

TEST(PerThreadCountTest, ReleasingTheIdOfGarbageKeepsItsCount) {
  ObjectTestSpace test;
  TestThread maker(test);
  TestThread user(test);
  maker.MakeCurrent();
  TypeObject* type = TypeNew(maker, {.name = "garbage"});
  Instance* instance = NewAs(user, type);
  maker.MakeCurrent();
  EXPECT_EQ(Merge(maker), 0u);
  ReleaseCountIdWorldStopped(maker, AsObject(type));
  ReleaseCountIdWorldStopped(maker, AsObject(type));
  ReleaseCountIdWorldStopped(maker, AsObject(instance));
  EXPECT_EQ(TrueCount(AsObject(type)), 2);
  CheckPerThreadCountInvariantsWorldStopped(test.space());
  CheckObjectInvariantsWorldStopped(AsObject(type));
  Decref(maker, AsObject(type));
  DropAs(user, instance);
  EXPECT_EQ(HeapTypeCount(test.space()), 0u);
}

TEST(PerThreadCountTest, WithoutMemoryReferencesAreCountedPlainly) {
  // Allocation 0 is the instance's block where there is one; so all later fail.
  for (int64_t index = 0; index < 3; ++index) {
    for (const bool warm_pool : {false, true}) {
      ObjectTestSpace test;
      TestThread maker(test);
      TestThread user(test);
      TestThread third(test);
      maker.MakeCurrent();
      TypeObject* type = TypeNew(maker, {.name = "hungry"});
      Instance* own = InstanceNew(maker, type);
      Instance* warm = warm_pool ? NewAs(third, type) : nullptr;
      Instance* instance;
      {
        ScopedAllocationFault fault(index, /*and_all_later=*/true);
        instance = NewAs(user, type);
        // Its type has an id meanwhile, and there is no array.
        DropAs(maker, own);
        if (warm != nullptr) DropAs(third, warm);
      }
      CheckPerThreadCountInvariantsWorldStopped(test.space());
      EXPECT_EQ(test.ReferenceTotal(kStatIndexType), instance == nullptr ? 1 : 2);
      DropAs(user, NewAs(user, type));
      if (instance != nullptr) DropAs(user, instance);
      maker.MakeCurrent();
      Decref(maker, AsObject(type));
      Merge(maker);
      EXPECT_EQ(HeapTypeCount(test.space()), 0u) << index;
    }
  }
}

// The model: a count per type, and the instances of all of them.
class Model {
 public:
  static constexpr size_t kThreadCount = 4;
  static constexpr size_t kTypeCount = 20;

  explicit Model(uint32_t seed) : random_(seed) {
    for (auto& thread : threads_) thread = std::make_unique<TestThread>(test_);
    types_.resize(kTypeCount);
  }

  void Step() {
    const size_t t = Pick(kThreadCount);
    TestThread& thread = *threads_[t];
    thread.MakeCurrent();
    Type& type = types_[Pick(kTypeCount)];
    switch (Pick(12)) {
      case 0:
        if (type.object == nullptr) {
          type.object = TypeNew(thread, {.name = "model"});
          type.references = 1;
          type.held = true;
        }
        break;
      case 1:
        if (type.held) {
          type.held = false;
          DropTypeReference(type, [&] { Decref(thread, AsObject(type.object)); });
        }
        break;
      case 2:
        Renew(t);
        break;
      case 3:
        MergeAndCompare(thread);
        break;
      case 4:
      case 5:
      case 6:
        DropInstance(thread);
        break;
      default:
        // Dead as far as the model knows: nobody can reach it any more.
        if (type.object != nullptr && type.references > 0) {
          instances_.push_back({InstanceNew(thread, type.object), &type});
          ++type.references;
        }
    }
  }

  void Check() {
    int64_t references = 0;
    for (const Type& type : types_) references += type.references;
    ASSERT_EQ(test_.ReferenceTotal(kStatIndexType), references);
    CheckPerThreadCountInvariantsWorldStopped(test_.space());
    for (const Type& type : types_) {
      if (type.object != nullptr) CheckObjectInvariantsWorldStopped(AsObject(type.object));
    }
  }

  void Finish() {
    TestThread& thread = *threads_[0];
    thread.MakeCurrent();
    while (!instances_.empty()) DropInstance(thread);
    for (Type& type : types_) {
      if (!type.held) continue;
      type.held = false;
      DropTypeReference(type, [&] { Decref(thread, AsObject(type.object)); });
    }
    MergeAndCompare(thread);
    EXPECT_EQ(HeapTypeCount(test_.space()), 0u);
    for (auto& each : threads_) {
      each->MakeCurrent();
      each.reset();
    }
  }

 private:
  struct Type {
    TypeObject* object = nullptr;
    int64_t references = 0;
    bool held = false;
  };
  struct Held {
    Instance* instance;
    Type* type;
  };

  size_t Pick(size_t count) { return random_() % count; }

  // A type without an id dies with its last reference, one with an id does not.
  template <typename Drop>
  void DropTypeReference(Type& type, Drop drop) {
    const bool last = --type.references == 0;
    const bool has_id = IdOf(type.object) != kNoCountId;
    const size_t count = HeapTypeCount(test_.space());
    drop();
    const size_t died = count - HeapTypeCount(test_.space());
    // One that its owner did not know of may wait in a queue for a while.
    if (!last || has_id) ASSERT_EQ(died, 0u);
    if (last && died == 1) type.object = nullptr;
    if (last && died == 0 && !has_id) Quiet(type);
  }

  // Gives the owners' queues a chance.
  void Quiet(Type& type) {
    for (auto& thread : threads_) {
      thread->MakeCurrent();
      MergeQueueDrain(*thread);
    }
    type.object = nullptr;
  }

  void DropInstance(TestThread& thread) {
    if (instances_.empty()) return;
    const size_t i = Pick(instances_.size());
    const Held held = instances_[i];
    instances_[i] = instances_.back();
    instances_.pop_back();
    // The instance's own death must not wait for its owner.
    DropTypeReference(*held.type, [&] {
      Decref(thread, AsObject(held.instance));
      for (auto& each : threads_) {
        each->MakeCurrent();
        MergeQueueDrain(*each);
      }
    });
    thread.MakeCurrent();
  }

  void Renew(size_t t) {
    // Cleared by a neighbour, as after a fork, or by itself.
    if (Pick(2) == 0) {
      TestThread& other = *threads_[(t + 1) % kThreadCount];
      other.MakeCurrent();
      threads_[t]->Clear(other);
      threads_[t]->MakeCurrent();
    }
    threads_[t].reset();
    threads_[t] = std::make_unique<TestThread>(test_);
  }

  void MergeAndCompare(TestThread& thread) {
    size_t expected = 0;
    for (Type& type : types_) {
      if (type.object == nullptr || type.references != 0) continue;
      ASSERT_NE(IdOf(type.object), kNoCountId);
      ++expected;
      type.object = nullptr;
    }
    ASSERT_EQ(Merge(thread), expected);
  }

  ObjectTestSpace test_;
  std::unique_ptr<TestThread> threads_[kThreadCount];
  std::vector<Type> types_;
  std::vector<Held> instances_;
  std::mt19937 random_;
};

TEST(PerThreadCountTest, RandomHistoriesMatchTheModel) {
  for (uint32_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model model(seed);
    for (int step = 0; step < 1500; ++step) {
      model.Step();
      if (step % 16 == 0) model.Check();
      if (HasFatalFailure()) return;
    }
    model.Finish();
  }
}

TEST(PerThreadCountTest, ThreadsShareATypeAndTheSumIsExact) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 2000;
  ObjectTestSpace test;
  TestThread maker(test);
  TypeObject* type = TypeNew(maker, {.name = "shared", .slot_count = 1});
  SetMaybeWeakref(AsObject(type));
  maker.Detach();
  // Each hands the instances it makes to the next, through these slots.
  Atomic<Instance*> slots[kThreads];
  test.RunThreads(kThreads, [&](TestThread& thread, int index) {
    for (int round = 0; round < kRounds; ++round) {
      Instance* mine = InstanceNew(thread, type);
      // acq_rel: hands over the instance.
      Instance* old = slots[(index + 1) % kThreads].exchange(mine, std::memory_order_acq_rel);
      if (old != nullptr) Decref(thread, AsObject(old));
      Instance* given = slots[index].exchange(nullptr, std::memory_order_acq_rel);
      if (given != nullptr) Decref(thread, AsObject(given));
      thread.SafePoint();
    }
  });
  maker.Attach();
  for (Atomic<Instance*>& slot : slots) {
    Instance* left = slot.load(std::memory_order_relaxed);
    if (left != nullptr) Decref(maker, AsObject(left));
  }
  EXPECT_EQ(test.ReferenceTotal(kStatIndexType), 1);
  EXPECT_EQ(Merge(maker), 0u);
  EXPECT_EQ(TrueCount(AsObject(type)), 1);
  CheckPerThreadCountInvariantsWorldStopped(test.space());
  Decref(maker, AsObject(type));
  EXPECT_EQ(Merge(maker), 1u);
}

}  // namespace
}  // namespace rt
