#include "runtime/object/destroy.h"

#include <cstdint>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/sanitizer.h"
#include "runtime/object/instance.h"
#include "runtime/object/list.h"
#include "runtime/object/number.h"
#include "runtime/object/object_test_space.h"
#include "runtime/object/reference_count.h"

namespace rt {
namespace {

// Deep enough to overflow an 8 MiB stack with a recursive destructor.
constexpr int kDepth = (kAddressSanitizer || kThreadSanitizer) ? 60000 : 300000;

class DestroyTest : public ::testing::Test {
 protected:
  // A list in a list in a list, `depth` of them. The innermost holds a number.
  List* NewChain(ObjectThread& thread, int depth) {
    List* list = ListNew(thread);
    Number* number = NumberNew(thread, 1);
    EXPECT_TRUE(ListAppend(thread, list, AsObject(number)));
    Decref(thread, AsObject(number));
    for (int i = 1; i < depth; ++i) {
      List* outer = ListNew(thread);
      EXPECT_TRUE(ListAppend(thread, outer, AsObject(list)));
      Decref(thread, AsObject(list));
      list = outer;
    }
    return list;
  }

  ObjectTestSpace test_;
  TestThread thread_{test_};
};

TEST_F(DestroyTest, DeepChainsDoNotOverflowTheStack) {
  List* chain = NewChain(thread_, kDepth);
  EXPECT_EQ(test_.ReferenceTotal(kStatIndexList), kDepth);
  Decref(thread_, AsObject(chain));
  EXPECT_EQ(test_.ReferenceTotal(), 0);
  EXPECT_EQ(test_.Get(Counter::kListsDestroyed), kDepth);
  EXPECT_EQ(thread_.destroy_depth, 0u);
  EXPECT_EQ(thread_.trashcan, nullptr);
}

TEST_F(DestroyTest, MergedChainsDieInAForeignThread) {
  constexpr int kLength = 2000;
  List* chain;
  std::thread([&] {
    TestThread owner(test_);
    chain = NewChain(owner, kLength);
  }).join();
  Decref(thread_, AsObject(chain));
  EXPECT_EQ(test_.ReferenceTotal(), 0);
  EXPECT_EQ(test_.Get(Counter::kListsDestroyed), kLength);
  EXPECT_EQ(test_.Get(Counter::kObjectsMergedForeign), kLength + 1);
}

TEST_F(DestroyTest, WideAndDeepTreesDie) {
  std::vector<List*> level = {ListNew(thread_)};
  List* root = level[0];
  int64_t count = 1;
  for (int depth = 0; depth < 11; ++depth) {
    std::vector<List*> next;
    for (List* parent : level) {
      for (int i = 0; i < 2; ++i) {
        List* child = ListNew(thread_);
        ASSERT_TRUE(ListAppend(thread_, parent, AsObject(child)));
        Decref(thread_, AsObject(child));
        next.push_back(child);
        ++count;
      }
    }
    level = next;
  }
  Decref(thread_, AsObject(root));
  EXPECT_EQ(test_.Get(Counter::kListsDestroyed), count);
  EXPECT_EQ(test_.ReferenceTotal(), 0);
}

// The finalizers run below the depth limit and above it alike, once each, and
// those that went through the trashcan see their object as it was.
struct FinalizerLog {
  int64_t calls = 0;
  int64_t wrong_owner = 0;
};

void LogFinalizer(ObjectThread& thread, Instance* instance, void* context) {
  auto* log = static_cast<FinalizerLog*>(context);
  ++log->calls;
  if (TrueCount(AsObject(instance)) != 1) ++log->wrong_owner;
  Incref(thread, AsObject(instance));
  Decref(thread, AsObject(instance));
}

TEST_F(DestroyTest, FinalizersRunOnTheWayThroughTheTrashcan) {
  constexpr int kLength = 5000;
  FinalizerLog log;
  TypeObject* type = TypeNew(
      thread_,
      {.name = "logged", .slot_count = 1, .finalizer = &LogFinalizer, .finalizer_context = &log});
  Instance* chain = InstanceNew(thread_, type);
  for (int i = 1; i < kLength; ++i) {
    Instance* outer = InstanceNew(thread_, type);
    InstanceSet(thread_, outer, 0, AsObject(chain));
    // Every third one dies merged.
    if (i % 3 == 0) {
      EXPECT_EQ(ExplicitMerge(thread_, AsObject(chain), 0), 2);
    }
    Decref(thread_, AsObject(chain));
    chain = outer;
  }
  Decref(thread_, AsObject(type));
  Decref(thread_, AsObject(chain));
  EXPECT_EQ(log.calls, kLength);
  EXPECT_EQ(log.wrong_owner, 0);
  EXPECT_EQ(test_.Get(Counter::kInstancesDestroyed), kLength);
  EXPECT_EQ(test_.Get(Counter::kTypesDestroyed), 1);
  EXPECT_EQ(test_.ReferenceTotal(), 0);
}

// Readers probe objects that lie in another thread's trashcan.
TEST_F(DestroyTest, TrashcanObjectsCannotBeTaken) {
  constexpr int kCount = 200;
  std::vector<Object*> numbers;
  for (int i = 0; i < kCount; ++i) {
    numbers.push_back(AsObject(NumberNew(thread_, i)));
    SetMaybeWeakref(numbers.back());
  }
  TestBarrier barrier(2);
  std::thread reader([&] {
    TestThread other(test_);
    barrier.Wait(other);
    for (int round = 0; round < 20; ++round) {
      for (Object* number : numbers) {
        if (TryIncref(other, number)) Decref(other, number);
      }
    }
    barrier.Wait(other);
    for (Object* number : numbers) EXPECT_FALSE(TryIncref(other, number));
    barrier.Wait(other);
  });
  barrier.Wait(thread_);
  thread_.destroy_depth = kDestroyDepthLimit;
  for (Object* number : numbers) Decref(thread_, number);
  barrier.Wait(thread_);
  // What a reader held just then is merged and died in the reader's hands.
  const int64_t dead_already = test_.Get(Counter::kNumbersDestroyed);
  int64_t waiting = 0;
  for (Object* object = thread_.trashcan; object != nullptr;
       object = reinterpret_cast<Object*>(object->owner.load(std::memory_order_relaxed))) {
    ++waiting;
  }
  EXPECT_EQ(waiting + dead_already, kCount);
  barrier.Wait(thread_);
  reader.join();
  thread_.destroy_depth = 0;
  DrainTrashcan(thread_);
  EXPECT_EQ(test_.Get(Counter::kNumbersDestroyed), kCount);
  EXPECT_EQ(test_.ReferenceTotal(), 0);
}

}  // namespace
}  // namespace rt
