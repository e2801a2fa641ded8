#include "runtime/object/merge_queue.h"

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/object/destroy.h"
#include "runtime/object/instance.h"
#include "runtime/object/invariants.h"
#include "runtime/object/merge_stack.h"
#include "runtime/object/number.h"
#include "runtime/object/object_test_space.h"
#include "runtime/object/reference_count.h"

namespace rt {
namespace {

class MergeQueueTest : public ::testing::Test {
 protected:
  template <typename Body>
  void OnOtherThread(Body body) {
    std::thread([&] {
      TestThread other(test_);
      body(other);
    }).join();
  }

  // Numbers of `thread`, one reference each.
  std::vector<Object*> NewNumbers(ObjectThread& thread, int count) {
    std::vector<Object*> numbers;
    for (int i = 0; i < count; ++i) {
      numbers.push_back(AsObject(NumberNew(thread, i)));
    }
    return numbers;
  }

  ObjectTestSpace test_;
  TestThread thread_{test_};
};

TEST(MergeStackTest, HoldsChunksAndMovesThem) {
  MergeStack stack;
  MergeStack other;
  std::vector<Object> objects(3 * kMergeChunkCapacity + 1);
  EXPECT_EQ(PopMergeStack(stack), nullptr);
  for (Object& object : objects) ASSERT_TRUE(PushMergeStack(stack, &object));
  EXPECT_EQ(MergeStackCount(stack), objects.size());
  ASSERT_TRUE(PushMergeStack(other, &objects[0]));
  MoveMergeStack(stack, other);
  EXPECT_TRUE(IsMergeStackEmpty(stack));
  EXPECT_EQ(MergeStackCount(other), objects.size() + 1);
  size_t popped = 0;
  while (PopMergeStack(other) != nullptr) ++popped;
  EXPECT_EQ(popped, objects.size() + 1);
  EXPECT_TRUE(IsMergeStackEmpty(other));
}

TEST(MergeStackTest, FailsWithoutMemoryAndKeepsWhatItHas) {
  MergeStack stack;
  Object object;
  ScopedAllocationFault fault(0);
  EXPECT_FALSE(PushMergeStack(stack, &object));
  EXPECT_TRUE(IsMergeStackEmpty(stack));
  EXPECT_TRUE(PushMergeStack(stack, &object));
  EXPECT_EQ(PopMergeStack(stack), &object);
}

TEST_F(MergeQueueTest, OwnerMergesAtItsSafePoint) {
  std::vector<Object*> numbers = NewNumbers(thread_, 600);
  OnOtherThread([&](TestThread& other) {
    for (Object* number : numbers) Decref(other, number);
  });
  EXPECT_EQ(QueuedObjectCountWorldStopped(test_.space()), 600u);
  EXPECT_EQ(CheckMergeQueueInvariantsWorldStopped(test_.space()), 600u);
  EXPECT_EQ(test_.ReferenceTotal(), 600);
  EXPECT_EQ(test_.Get(Counter::kNumbersDestroyed), 0);
  thread_.SafePoint();
  EXPECT_EQ(QueuedObjectCountWorldStopped(test_.space()), 0u);
  EXPECT_EQ(test_.ReferenceTotal(), 0);
  EXPECT_EQ(test_.Get(Counter::kNumbersDestroyed), 600);
  EXPECT_EQ(test_.Get(Counter::kObjectsQueued), 600);
  EXPECT_EQ(test_.Get(Counter::kObjectsMergedFromQueue), 600);
  EXPECT_EQ(thread_.eval_breaker.load(std::memory_order_relaxed), 0u);
}

TEST_F(MergeQueueTest, OwnerMergesWhenItLeaves) {
  auto owner = std::make_unique<TestThread>(test_);
  std::vector<Object*> numbers = NewNumbers(*owner, 10);
  OnOtherThread([&](TestThread& other) {
    for (Object* number : numbers) Decref(other, number);
  });
  EXPECT_EQ(test_.ReferenceTotal(), 10);
  owner.reset();
  EXPECT_EQ(test_.ReferenceTotal(), 0);
  thread_.MakeCurrent();
}

TEST_F(MergeQueueTest, WhoDropsMergesForAnOwnerThatLeft) {
  std::vector<Object*> numbers;
  OnOtherThread([&](TestThread& other) {
    numbers = NewNumbers(other, 10);
    for (Object* number : numbers) Incref(other, number);
  });
  EXPECT_EQ(test_.ReferenceTotal(), 20);
  for (Object* number : numbers) {
    Decref(thread_, number);
    CheckObjectInvariantsWorldStopped(number);
  }
  // Per path exact: an orphan merge accounts for the reference it drops.
  EXPECT_EQ(test_.ReferenceTotal(), 10);
  EXPECT_EQ(test_.Get(Counter::kObjectsMergedForeign), 10);
  for (Object* number : numbers) Decref(thread_, number);
  EXPECT_EQ(test_.ReferenceTotal(), 0);
  EXPECT_EQ(test_.Get(Counter::kNumbersDestroyed), 10);
}

TEST_F(MergeQueueTest, ForeignThreadDrainsAThreadThatWillNotRunAgain) {
  auto victim = std::make_unique<TestThread>(test_);
  std::vector<Object*> numbers = NewNumbers(*victim, 10);
  victim->Detach();
  thread_.MakeCurrent();
  for (Object* number : numbers) Decref(thread_, number);
  EXPECT_EQ(QueuedObjectCountWorldStopped(test_.space()), 10u);
  victim->Clear(thread_);
  EXPECT_EQ(QueuedObjectCountWorldStopped(test_.space()), 0u);
  EXPECT_EQ(test_.ReferenceTotal(), 0);
  EXPECT_TRUE(thread_.number_freelist.enabled()) << "only the victim's";
  EXPECT_EQ(victim->number_freelist.size(), -1);
}

// Each dying instance drops a foreign thread's reference to the next one of the
// leaving owner: the queue fills again and again while it is drained.
struct ChainContext {
  std::vector<Object*> next;
  size_t position = 0;
  ObjectTestSpace* test;
};

void QueueNextForOwner(ObjectThread&, Instance*, void* context) {
  auto* chain = static_cast<ChainContext*>(context);
  if (chain->position == chain->next.size()) return;
  Object* object = chain->next[chain->position++];
  std::thread([chain, object] {
    TestThread other(*chain->test);
    Decref(other, object);
  }).join();
}

TEST_F(MergeQueueTest, LeavingDrainsWhatItsOwnDestructorsQueue) {
  ChainContext context;
  context.test = &test_;
  std::thread([&] {
    TestThread owner(test_);
    TypeObject* type = TypeNew(
        owner, {.name = "chained", .finalizer = &QueueNextForOwner, .finalizer_context = &context});
    for (int i = 0; i < 20; ++i) {
      context.next.push_back(AsObject(InstanceNew(owner, type)));
    }
    Decref(owner, AsObject(type));
    // The first one is queued from here; the others follow while we leave.
    Object* first = context.next[context.position++];
    std::thread([&] {
      TestThread other(test_);
      Decref(other, first);
    }).join();
  }).join();
  EXPECT_EQ(context.position, 20u);
  EXPECT_EQ(test_.ReferenceTotal(), 0);
  EXPECT_EQ(test_.Get(Counter::kInstancesDestroyed), 20);
  EXPECT_EQ(test_.Get(Counter::kObjectsMergedFromQueue), 20)
      << "nobody merged for the owner before it had left";
}

// 3 ids that fall into one bucket, entered and left in an order that unlinks
// the middle, the head and the tail of its list.
TEST_F(MergeQueueTest, ThreadsShareABucket) {
  std::vector<std::unique_ptr<TestThread>> threads;
  const uint64_t bucket = thread_.id % kMergeBucketCount;
  std::vector<TestThread*> same;
  while (same.size() < 3) {
    while (NextThreadStateId() % kMergeBucketCount !=
           (bucket + kMergeBucketCount - 1) % kMergeBucketCount) {
    }
    threads.push_back(std::make_unique<TestThread>(test_));
    if (threads.back()->id % kMergeBucketCount == bucket) {
      same.push_back(threads.back().get());
    }
  }
  std::vector<Object*> numbers;
  for (TestThread* owner : same) {
    owner->MakeCurrent();
    numbers.push_back(NewNumbers(*owner, 1)[0]);
  }
  thread_.MakeCurrent();
  numbers.push_back(NewNumbers(thread_, 1)[0]);
  OnOtherThread([&](TestThread& other) {
    for (Object* number : numbers) Decref(other, number);
  });
  EXPECT_EQ(CheckMergeQueueInvariantsWorldStopped(test_.space()), 4u);
  same[1]->SafePoint();
  EXPECT_EQ(CheckMergeQueueInvariantsWorldStopped(test_.space()), 3u);
  size_t left = 3;
  for (size_t i : {1, 2, 0}) {
    same[i]->Clear(thread_);
    if (i != 1) --left;
    EXPECT_EQ(CheckMergeQueueInvariantsWorldStopped(test_.space()), left);
  }
  thread_.SafePoint();
  EXPECT_EQ(test_.ReferenceTotal(), 0);
  threads.clear();
  thread_.MakeCurrent();
}

TEST_F(MergeQueueTest, StoppedWorldMergesEveryQueueAndDestroysAfterwards) {
  std::vector<Object*> numbers = NewNumbers(thread_, 5);
  Incref(thread_, numbers[4]);
  OnOtherThread([&](TestThread& other) {
    for (Object* number : numbers) Decref(other, number);
    MergeAllQueuesWorldStopped(other);
    EXPECT_EQ(CheckMergeQueueInvariantsWorldStopped(test_.space()), 0u);
    EXPECT_EQ(test_.Get(Counter::kNumbersDestroyed), 0);
    EXPECT_EQ(test_.ReferenceTotal(), 1);
    DrainTrashcan(other);
    EXPECT_EQ(test_.Get(Counter::kNumbersDestroyed), 4);
  });
  Decref(thread_, numbers[4]);
}

// No memory for a chunk: the world stops and the reference is merged there. The
// owner passes safe points all the while, so the stop can come about.
TEST_F(MergeQueueTest, MergesInAStoppedWorldWithoutMemory) {
  std::vector<Object*> numbers = NewNumbers(thread_, 10);
  std::vector<Object*> kept = NewNumbers(thread_, 10);
  for (Object* number : kept) Incref(thread_, number);
  Atomic<bool> done{false};
  std::thread foreign([&] {
    TestThread other(test_);
    ScopedAllocationFault fault(0, /*and_all_later=*/true);
    for (Object* number : numbers) Decref(other, number);
    for (Object* number : kept) Decref(other, number);
    EXPECT_TRUE(fault.failed());
    done.store(true, std::memory_order_release);
  });
  while (!done.load(std::memory_order_acquire)) thread_.SafePoint();
  foreign.join();
  EXPECT_EQ(test_.stop_count(), 20);
  EXPECT_EQ(QueuedObjectCountWorldStopped(test_.space()), 0u);
  EXPECT_EQ(test_.ReferenceTotal(), 10);
  EXPECT_EQ(test_.Get(Counter::kNumbersDestroyed), 10);
  for (Object* number : kept) {
    CheckObjectInvariantsWorldStopped(number);
    Decref(thread_, number);
  }
}

}  // namespace
}  // namespace rt
