// Owner and foreign threads strike the same prepared objects at the same time:
// in strides of many objects between two barriers, so that each barrier buys
// many chances to meet. After every stride the books must balance exactly.
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/sanitizer.h"
#include "runtime/object/instance.h"
#include "runtime/object/invariants.h"
#include "runtime/object/number.h"
#include "runtime/object/object_test_space.h"
#include "runtime/object/reference_count.h"

namespace rt {
namespace {

constexpr bool kSlow = kAddressSanitizer || kThreadSanitizer;
constexpr int kStride = 256;
constexpr int kRounds = kSlow ? 60 : 400;

// Both threads leave within a few cycles of each other: a stride is shorter than
// it takes to wake a thread.
void SpinToMeet(Atomic<int>& arrived, int target) {
  (void)arrived.fetch_add(1, std::memory_order_acq_rel);
  int turns = 0;
  while (arrived.load(std::memory_order_acquire) < target) {
    if (++turns % 4096 == 0) std::this_thread::yield();
  }
}

void PrepareWithCount(TestThread& thread, std::vector<Object*>& objects, int count) {
  for (Object*& object : objects) {
    object = AsObject(NumberNew(thread, 1));
    for (int i = 1; i < count; ++i) Incref(thread, object);
  }
}

// Waits until `object`, of which the caller holds a reference, has been merged;
// looks at nothing else of it meanwhile, so that the cache line is asked for at
// every moment of the merge.
void SpinUntilMerged(const Object* object) {
  int turns = 0;
  while ((object->shared.load(std::memory_order_acquire) & kSharedFlagMask) != kSharedMerged) {
    if (++turns % 4096 == 0) std::this_thread::yield();
  }
}

class BiasedCountStressTest : public ::testing::Test {
 protected:
  // Per round: the owner prepares kStride objects, `owner` and `foreign` run at
  // once, then both pass safe points until everything that was handed over is
  // merged, and `check` runs alone on the owner.
  struct Round {
    std::function<void(TestThread&, std::vector<Object*>&)> prepare;
    std::function<void(TestThread&, std::vector<Object*>&)> owner;
    std::function<void(TestThread&, std::vector<Object*>&)> foreign;
    std::function<void(TestThread&, std::vector<Object*>&)> check;
  };

  void RunRounds(const Round& round, int rounds = kRounds) {
    TestBarrier barrier(2);
    Atomic<int> arrived{0};
    std::vector<Object*> objects(kStride);
    test_.RunThreads(2, [&](TestThread& thread, int index) {
      for (int i = 0; i < rounds; ++i) {
        if (index == 0) round.prepare(thread, objects);
        barrier.Wait(thread);
        SpinToMeet(arrived, 2 * (i + 1));
        (index == 0 ? round.owner : round.foreign)(thread, objects);
        thread.SafePoint();
        barrier.Wait(thread);
        thread.SafePoint();
        barrier.Wait(thread);
        if (index == 0) {
          EXPECT_EQ(CheckMergeQueueInvariantsWorldStopped(test_.space()), 0u);
          CheckFreelistInvariants(thread);
          round.check(thread, objects);
        }
      }
    });
  }

  // Objects with one reference in the owner's queue and one for the foreign thread.
  void PrepareQueued(TestThread& thread, std::vector<Object*>& objects) {
    PrepareWithCount(thread, objects, 2);
    std::thread([&] {
      TestThread other(test_);
      for (Object* object : objects) Decref(other, object);
    }).join();
  }

  void ExpectAllDead(TestThread&, std::vector<Object*>&) { ASSERT_EQ(test_.ReferenceTotal(), 0); }

  ObjectTestSpace test_;
};

TEST_F(BiasedCountStressTest, BothDropTheirReference) {
  const auto drop = [](TestThread& thread, std::vector<Object*>& objects) {
    for (Object* object : objects) Decref(thread, object);
  };
  RunRounds({.prepare = [](auto& t, auto& o) { PrepareWithCount(t, o, 2); },
             .owner = drop,
             .foreign = drop,
             .check = [&](auto& t, auto& o) { ExpectAllDead(t, o); }});
  EXPECT_EQ(test_.Get(Counter::kNumbersDestroyed), kRounds * kStride);
}

TEST_F(BiasedCountStressTest, BothTakeAndDropManyTimes) {
  const auto work = [](TestThread& thread, std::vector<Object*>& objects) {
    for (Object* object : objects) {
      for (int i = 0; i < 4; ++i) Incref(thread, object);
      for (int i = 0; i < 5; ++i) Decref(thread, object);
    }
  };
  RunRounds({.prepare = [](auto& t, auto& o) { PrepareWithCount(t, o, 2); },
             .owner = work,
             .foreign = work,
             .check = [&](auto& t, auto& o) { ExpectAllDead(t, o); }});
}

// The owner merges what was queued, and the foreign thread waits for exactly that:
// whoever sees an object merged sees it without owner and local count. What a
// merge writes after publishing the count would come too late for that.
TEST_F(BiasedCountStressTest, MergedObjectsHaveNoOwnerAndNoLocalCount) {
  int64_t late = 0;
  RunRounds({.prepare = [&](auto& t, auto& o) { PrepareQueued(t, o); },
             .owner = [](TestThread& thread, std::vector<Object*>&) { thread.SafePoint(); },
             .foreign =
                 [&](TestThread& thread, std::vector<Object*>& objects) {
                   // From the end: the order in which the owner merges.
                   for (auto it = objects.rbegin(); it != objects.rend(); ++it) {
                     SpinUntilMerged(*it);
                     if ((*it)->local.load(std::memory_order_relaxed) != 0) ++late;
                     if ((*it)->owner.load(std::memory_order_relaxed) != kNoOwner) ++late;
                   }
                   for (Object* object : objects) Decref(thread, object);
                 },
             .check = [&](auto& t, auto& o) { ExpectAllDead(t, o); }},
            4 * kRounds);
  EXPECT_EQ(late, 0);
}

// The owner merges what was queued, while the foreign thread drops its last
// reference to each and at once makes a new object of the dead one's memory.
TEST_F(BiasedCountStressTest, MergeAgainstTheLastDecrefAndReuse) {
  RunRounds({.prepare = [&](auto& t, auto& o) { PrepareQueued(t, o); },
             .owner = [](TestThread& thread, std::vector<Object*>&) { thread.SafePoint(); },
             .foreign =
                 [](TestThread& thread, std::vector<Object*>& objects) {
                   std::vector<Object*> young;
                   // From the end: the order in which the owner merges.
                   for (auto it = objects.rbegin(); it != objects.rend(); ++it) {
                     if ((it - objects.rbegin()) % 16 == 15) SpinUntilMerged(*it);
                     Decref(thread, *it);
                     young.push_back(AsObject(NumberNew(thread, 2)));
                   }
                   for (Object* object : young) {
                     CheckObjectInvariantsWorldStopped(object);
                     EXPECT_EQ(object->owner.load(std::memory_order_relaxed), thread.id);
                     EXPECT_TRUE(IsUniquelyReferenced(thread, object));
                     Decref(thread, object);
                   }
                   CheckFreelistInvariants(thread);
                 },
             .check = [&](auto& t, auto& o) { ExpectAllDead(t, o); }});
}

TEST_F(BiasedCountStressTest, OwnerMergesExplicitlyAgainstForeignDecref) {
  RunRounds({.prepare = [](auto& t, auto& o) { PrepareWithCount(t, o, 2); },
             .owner =
                 [](TestThread& thread, std::vector<Object*>& objects) {
                   for (Object* object : objects) {
                     ASSERT_GE(ExplicitMerge(thread, object, 0), 1);
                     Decref(thread, object);
                   }
                 },
             .foreign =
                 [](TestThread& thread, std::vector<Object*>& objects) {
                   for (Object* object : objects) Decref(thread, object);
                 },
             .check = [&](auto& t, auto& o) { ExpectAllDead(t, o); }});
}

// The foreign thread's reference comes and goes and leaves no trace in the counts,
// but it wrote to the object meanwhile: nothing but the counts orders that before
// the owner's destructor. For ThreadSanitizer to judge.
TEST_F(BiasedCountStressTest, DestroyingComesAfterWhatOthersWrote) {
  std::vector<Atomic<int>> done(kStride);
  RunRounds({.prepare =
                 [&](TestThread& thread, std::vector<Object*>& objects) {
                   PrepareWithCount(thread, objects, 1);
                   for (auto& flag : done) flag.store(0, std::memory_order_relaxed);
                 },
             .owner =
                 [&](TestThread& thread, std::vector<Object*>& objects) {
                   for (int i = 0; i < kStride; ++i) {
                     // relaxed: must not order anything here.
                     while (done[i].load(std::memory_order_relaxed) == 0) {
                       std::this_thread::yield();
                     }
                     Decref(thread, objects[i]);
                   }
                 },
             .foreign =
                 [&](TestThread& thread, std::vector<Object*>& objects) {
                   for (int i = 0; i < kStride; ++i) {
                     Incref(thread, objects[i]);
                     reinterpret_cast<Number*>(objects[i])->value = 5;
                     Decref(thread, objects[i]);
                     done[i].store(1, std::memory_order_relaxed);
                   }
                 },
             .check = [&](auto& t, auto& o) { ExpectAllDead(t, o); }});
}

// The owner's last reference against a reader's attempt to take one.
TEST_F(BiasedCountStressTest, LastDecrefAgainstTryIncref) {
  int64_t taken = 0;
  Atomic<int> started{0};  // Rounds in which the reader has begun.
  int round = 0;           // The owner's.
  RunRounds({.prepare =
                 [](TestThread& thread, std::vector<Object*>& objects) {
                   PrepareWithCount(thread, objects, 1);
                   for (Object* object : objects) SetMaybeWeakref(object);
                 },
             .owner =
                 [&](TestThread& thread, std::vector<Object*>& objects) {
                   ++round;
                   for (int i = 0; i < kStride; ++i) {
                     // Half of them are left when the reader comes from the other end.
                     while (i == kStride / 2 && started.load(std::memory_order_relaxed) < round) {
                       std::this_thread::yield();
                     }
                     Decref(thread, objects[i]);
                   }
                 },
             .foreign =
                 [&](TestThread& thread, std::vector<Object*>& objects) {
                   for (auto it = objects.rbegin(); it != objects.rend(); ++it) {
                     if (TryIncref(thread, *it)) {
                       ++taken;
                       EXPECT_EQ(NumberValue(*it), 1);
                       Decref(thread, *it);
                     }
                     if (it == objects.rbegin())
                       (void)started.fetch_add(1, std::memory_order_relaxed);
                   }
                 },
             .check = [&](auto& t, auto& o) { ExpectAllDead(t, o); }});
  EXPECT_EQ(test_.Get(Counter::kNumbersDestroyed), kRounds * kStride);
  EXPECT_GE(taken, kRounds);
}

// Owners come and go; their objects are dropped by another thread while they
// leave. `same_bucket` forces ids that collide in the merge table.
void QueueAgainstExit(ObjectTestSpace& test, bool same_bucket) {
  constexpr int kObjects = 64;
  const int rounds = kSlow ? 60 : 400;
  TestThread foreign(test);
  TestBarrier barrier(2);
  for (int round = 0; round < rounds; ++round) {
    if (same_bucket) {
      while ((NextThreadStateId() + 1 - foreign.id) % 257 != 0) {
      }
    }
    std::vector<Object*> objects(kObjects);
    std::thread owner_thread([&] {
      TestThread owner(test);
      TypeObject* type = TypeNew(owner, {.name = "box", .slot_count = 1});
      for (Object*& object : objects) {
        Instance* instance = InstanceNew(owner, type);
        Number* number = NumberNew(owner, 1);
        InstanceSet(owner, instance, 0, AsObject(number));
        Decref(owner, AsObject(number));
        object = AsObject(instance);
        Incref(owner, object);
      }
      Decref(owner, AsObject(type));
      barrier.Wait(owner);
      // Half of them while it still runs, then it leaves.
      for (Object* object : objects) {
        Decref(owner, object);
        owner.SafePoint();
      }
    });
    barrier.Wait(foreign);
    for (Object* object : objects) Decref(foreign, object);
    foreign.Detach();
    owner_thread.join();
    foreign.Attach();
    ASSERT_EQ(test.ReferenceTotal(), 0) << "round " << round;
    ASSERT_EQ(CheckMergeQueueInvariantsWorldStopped(test.space()), 0u);
  }
  EXPECT_EQ(test.Get(Counter::kInstancesDestroyed), rounds * kObjects);
  EXPECT_EQ(test.Get(Counter::kTypesDestroyed), rounds);
}

TEST_F(BiasedCountStressTest, QueueAgainstTheOwnersExit) {
  QueueAgainstExit(test_, /*same_bucket=*/false);
}

TEST_F(BiasedCountStressTest, QueueAgainstTheExitOfABucketNeighbour) {
  QueueAgainstExit(test_, /*same_bucket=*/true);
}

// The owner leaves without a last safe point, its objects only in other hands.
TEST_F(BiasedCountStressTest, OwnerLeavesWhileAllItsObjectsAreDropped) {
  constexpr int kObjects = 64;
  const int rounds = kSlow ? 60 : 400;
  TestThread foreign(test_);
  TestBarrier barrier(2);
  for (int round = 0; round < rounds; ++round) {
    std::vector<Object*> objects(kObjects);
    std::thread owner_thread([&] {
      TestThread owner(test_);
      PrepareWithCount(owner, objects, 1);
      barrier.Wait(owner);
    });
    barrier.Wait(foreign);
    for (Object* object : objects) Decref(foreign, object);
    foreign.Detach();
    owner_thread.join();
    foreign.Attach();
    ASSERT_EQ(test_.ReferenceTotal(), 0) << "round " << round;
  }
  EXPECT_EQ(test_.Get(Counter::kNumbersDestroyed), rounds * kObjects);
}

// Nobody owns the objects any more; many threads drop at once.
TEST_F(BiasedCountStressTest, ManyDropOrphansAtOnce) {
  constexpr int kThreads = 4;
  const int rounds = kSlow ? 15 : 80;
  for (int round = 0; round < rounds; ++round) {
    std::vector<Object*> objects(kStride);
    std::thread([&] {
      TestThread owner(test_);
      PrepareWithCount(owner, objects, kThreads);
    }).join();
    TestBarrier barrier(kThreads);
    test_.RunThreads(kThreads, [&](TestThread& thread, int) {
      barrier.Wait(thread);
      for (Object* object : objects) Decref(thread, object);
    });
    ASSERT_EQ(test_.ReferenceTotal(), 0);
  }
  EXPECT_EQ(test_.Get(Counter::kObjectsMergedForeign), rounds * kStride);
  EXPECT_EQ(test_.Get(Counter::kNumbersDestroyed), rounds * kStride);
}

}  // namespace
}  // namespace rt
