// Collections among everything else that a runtime does: safe points, other
// collectors, threads that come, go and are cleared, finalization and fork, also
// between the two pauses.
#include "runtime/state/collection.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/sanitizer.h"
#include "runtime/object/weak_reference.h"
#include "runtime/state/state_testing.h"

namespace rt {
namespace {

constexpr bool kSlow = kAddressSanitizer || kThreadSanitizer;

// A list that holds itself, dropped.
void DropCycle(ThreadState& thread) {
  List* const list = ListNew(thread);
  ASSERT_TRUE(ListAppend(thread, list, AsObject(list)));
  Decref(thread, AsObject(list));
}

// An instance that holds itself, dropped.
void DropInstanceCycle(ThreadState& thread, TypeObject* type) {
  Instance* const instance = InstanceNew(thread, type);
  InstanceSet(thread, instance, 0, AsObject(instance));
  Decref(thread, AsObject(instance));
}

class CollectionTest : public testing::Test {
 protected:
  int64_t Get(Counter counter) {
    CounterTotals totals;
    interpreter_.ReadCounters(&totals);
    return totals.Get(counter);
  }

  std::unique_ptr<Runtime> runtime_ = MakeCheckedRuntime();
  Interpreter& interpreter_ = *runtime_->main_interpreter();
};

TEST_F(CollectionTest, BeginsByItselfAtASafePoint) {
  ScopedThreadState thread(interpreter_);
  const BalanceSnapshot start = RestingBalance(*thread);
  for (int i = 0; i < 20000; ++i) {
    DropCycle(*thread);
    ASSERT_TRUE(SafePoint(*thread));
  }
  EXPECT_GE(Get(Counter::kCollections), 20000 / (kDefaultCollectThreshold + kTrackedCountFlush));
  EXPECT_LE(ReadCollection(interpreter_).young, kDefaultCollectThreshold + kTrackedCountFlush);
  EXPECT_EQ(Collect(*thread).status, CollectStatus::kDone);
  ExpectSameBalance(start, RestingBalance(*thread));
}

TEST_F(CollectionTest, CanBeSwitchedOff) {
  ScopedThreadState thread(interpreter_);
  EnableCollection(interpreter_, false);
  for (int i = 0; i < 4000; ++i) DropCycle(*thread);
  ASSERT_TRUE(SafePoint(*thread));
  EXPECT_EQ(Get(Counter::kCollections), 0);
  EnableCollection(interpreter_, true);
  SetCollectThreshold(interpreter_, 0);
  for (int i = 0; i < 4000; ++i) DropCycle(*thread);
  ASSERT_TRUE(SafePoint(*thread));
  EXPECT_EQ(Get(Counter::kCollections), 0);
  EXPECT_EQ(Collect(*thread).collected_count, 8000) << "on demand it works all the same";
}

// Reading the counts all the time must not keep collections from beginning.
TEST_F(CollectionTest, ReadingPutsNothingOff) {
  ScopedThreadState thread(interpreter_);
  int64_t most = 0;
  for (int i = 0; i < 10000; ++i) {
    DropCycle(*thread);
    most = std::max(most, ReadCollection(interpreter_).young);
    ASSERT_TRUE(SafePoint(*thread));
  }
  EXPECT_GE(Get(Counter::kCollections), 3);
  EXPECT_LE(most, kDefaultCollectThreshold + kTrackedCountFlush);
}

TEST_F(CollectionTest, RefusesInAStoppedWorld) {
  ScopedThreadState thread(interpreter_);
  for (StopScope scope : {StopScope::kInterpreter, StopScope::kRuntime}) {
    ASSERT_TRUE(StopTheWorld(*thread, scope));
    EXPECT_EQ(Collect(*thread).status, CollectStatus::kWorldStopped);
    EXPECT_EQ(Freeze(*thread), CollectStatus::kWorldStopped);
    StartTheWorld(*thread);
  }
}

// What the finalizer of a test waits for, between the two pauses.
struct Between {
  std::atomic<bool> reached{false};
  std::atomic<bool> go{false};
  ThreadState* collecting = nullptr;
  bool until_stop_is_asked_for = false;
  std::atomic<int> finalized{0};

  static void Wait(ObjectThread& thread, Instance*, void* context) {
    Between& self = *static_cast<Between*>(context);
    self.finalized.fetch_add(1);
    self.reached.store(true);
    const auto stop_is_asked_for = [&thread] {
      return (thread.eval_breaker.load(std::memory_order_relaxed) & kEvalBreakerStop) != 0;
    };
    // Only the first one waits.
    if (self.finalized.load() != 1) return;
    while (!(self.until_stop_is_asked_for ? stop_is_asked_for() : self.go.load())) {
      std::this_thread::yield();
    }
  }
};

TEST_F(CollectionTest, OthersAreToldThatOneIsRunning) {
  ScopedThreadState thread(interpreter_);
  Between between;
  TypeObject* const type = TypeNew(*thread, {.name = "waits",
                                             .slot_count = 1,
                                             .finalizer = &Between::Wait,
                                             .finalizer_context = &between});
  DropInstanceCycle(*thread, type);
  Decref(*thread, AsObject(type));
  std::thread other([&] {
    // Not attached: the first pause would wait for us.
    while (!between.reached.load()) std::this_thread::yield();
    ScopedThreadState mine(interpreter_);
    EXPECT_TRUE(ReadCollection(interpreter_).collecting);
    EXPECT_EQ(Collect(*mine).status, CollectStatus::kBusy);
    EXPECT_EQ(Freeze(*mine), CollectStatus::kBusy);
    between.go.store(true);
  });
  const CollectResult result = Collect(*thread);
  EXPECT_EQ(result.status, CollectStatus::kDone);
  EXPECT_EQ(result.collected_count, 2);
  Detach(*thread);
  other.join();
  ASSERT_TRUE(Attach(*thread));
}

// Garbage of threads that are attached, detached, cleared by somebody else or
// gone is all found; what a detached thread holds is not.
TEST_F(CollectionTest, FindsGarbageWhoeverMadeIt) {
  ScopedThreadState thread(interpreter_);
  const BalanceSnapshot start = RestingBalance(*thread);
  List* held = nullptr;
  ThreadState* const detached = NewThreadState(interpreter_);
  ThreadState* const cleared = NewThreadState(interpreter_);
  Detach(*thread);
  std::thread([&] {
    ASSERT_TRUE(Attach(*detached));
    DropCycle(*detached);
    held = ListNew(*detached);
    ASSERT_TRUE(ListAppend(*detached, held, AsObject(held)));
    Detach(*detached);
    ASSERT_TRUE(Attach(*cleared));
    DropCycle(*cleared);
    Detach(*cleared);
    ScopedThreadState gone(interpreter_);
    DropCycle(*gone);
  }).join();
  ASSERT_TRUE(Attach(*thread));
  ClearThreadState(*thread, *cleared);
  DeleteThreadState(*thread, *cleared);
  ReleaseThreadState(cleared);
  EXPECT_EQ(Collect(*thread).collected_count, 3);
  EXPECT_EQ(TrueCount(AsObject(held)), 2);
  Detach(*thread);
  ASSERT_TRUE(Attach(*detached));
  Decref(*detached, AsObject(held));
  ClearThreadState(*detached, *detached);
  DeleteThreadState(*detached, *detached);
  ASSERT_TRUE(Attach(*thread));
  EXPECT_EQ(Collect(*thread).collected_count, 1);
  ExpectSameBalance(start, RestingBalance(*thread));
}

// What is left in cycles when an interpreter ends is finalized and destroyed.
TEST_F(CollectionTest, TheEndOfAnInterpreterCollects) {
  Interpreter* const interpreter = Interpreter::Create(*runtime_);
  Between between;
  between.go.store(true);
  {
    ScopedThreadState thread(*interpreter);
    TypeObject* const type = TypeNew(*thread, {.name = "ends",
                                               .slot_count = 1,
                                               .finalizer = &Between::Wait,
                                               .finalizer_context = &between});
    for (int i = 0; i < 100; ++i) DropInstanceCycle(*thread, type);
    Decref(*thread, AsObject(type));
  }
  BalanceSnapshot last;
  ASSERT_TRUE(Interpreter::Destroy(interpreter, &last));
  EXPECT_EQ(between.finalized.load(), 100);
  EXPECT_EQ(last.LiveBlockCount(), 0);
  EXPECT_EQ(last.reference_total, 0);
}

// A thread that is shut down between the pauses leaves its collection to the one
// that finalizes.
TEST_F(CollectionTest, ACollectionIsTakenOverByFinalization) {
  for (int round = 0; round < (kSlow ? 5 : 30); ++round) {
    Interpreter* const interpreter = Interpreter::Create(*runtime_);
    Between between;
    between.until_stop_is_asked_for = true;
    std::thread collecting([&] {
      ThreadState* const thread = NewThreadState(*interpreter);
      ASSERT_TRUE(Attach(*thread));
      TypeObject* const type = TypeNew(*thread, {.name = "waits",
                                                 .slot_count = 1,
                                                 .finalizer = &Between::Wait,
                                                 .finalizer_context = &between});
      for (int i = 0; i < 10; ++i) DropInstanceCycle(*thread, type);
      Decref(*thread, AsObject(type));
      EXPECT_EQ(Collect(*thread).status, CollectStatus::kShutDown);
      EXPECT_EQ(CurrentThreadState(), nullptr);
      ReleaseThreadState(thread);
    });
    while (!between.reached.load()) std::this_thread::yield();
    BalanceSnapshot last;
    ASSERT_TRUE(Interpreter::Destroy(interpreter, &last));
    collecting.join();
    EXPECT_EQ(between.finalized.load(), 10) << "each once";
    EXPECT_EQ(last.LiveBlockCount(), 0);
    EXPECT_EQ(last.reference_total, 0);
  }
}

// In the child of a fork that came between the pauses nobody collects any more;
// the garbage is found by the next collection.
TEST_F(CollectionTest, ACollectionIsTakenOverInAForkedChild) {
  ScopedThreadState thread(interpreter_);
  Between between;
  between.until_stop_is_asked_for = true;
  TypeObject* const type = TypeNew(*thread, {.name = "waits",
                                             .slot_count = 1,
                                             .finalizer = &Between::Wait,
                                             .finalizer_context = &between});
  const BalanceSnapshot start = RestingBalance(*thread);
  std::thread collecting([&] {
    ScopedThreadState mine(interpreter_);
    for (int i = 0; i < 10; ++i) DropInstanceCycle(*mine, type);
    const CollectResult result = Collect(*mine);
    EXPECT_EQ(result.status, CollectStatus::kDone);
    EXPECT_EQ(result.collected_count, 10);
  });
  Detach(*thread);
  while (!between.reached.load()) std::this_thread::yield();
  ASSERT_TRUE(Attach(*thread));
  const pid_t pid = Fork(*thread);
  ASSERT_NE(pid, -1) << errno;
  if (pid == 0) {
    const bool idle = !ReadCollection(interpreter_).collecting;
    const CollectResult result = Collect(*thread);
    BalanceSnapshot end;
    const bool rested = interpreter_.Quiesce(*thread) && interpreter_.Snapshot(*thread, &end);
    const bool good = idle && result.status == CollectStatus::kDone &&
                      result.collected_count == 10 && rested && between.finalized.load() == 10 &&
                      end.reference_total == start.reference_total &&
                      end.LiveBlockCount() == start.LiveBlockCount();
    if (!good) {
      fprintf(stderr, "child: idle %d, status %d, collected %lld, finalized %d, blocks %lld/%lld\n",
              idle, static_cast<int>(result.status), static_cast<long long>(result.collected_count),
              between.finalized.load(), static_cast<long long>(end.LiveBlockCount()),
              static_cast<long long>(start.LiveBlockCount()));
    }
    _exit(good ? 0 : 1);
  }
  Detach(*thread);
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
  collecting.join();
  ASSERT_TRUE(Attach(*thread));
  ExpectSameBalance(start, RestingBalance(*thread));
  Decref(*thread, AsObject(type));
}

// Threads come, make garbage, park their bundles, adopt others' and go, with
// automatic collections on all of them and one thread that collects on demand.
TEST_F(CollectionTest, ThreadsChurnUnderCollections) {
  ScopedThreadState thread(interpreter_);
  SetCollectThreshold(interpreter_, 600);
  const BalanceSnapshot start = RestingBalance(*thread);
  std::atomic<int> running{4};
  std::vector<std::thread> workers;
  for (int w = 0; w < 4; ++w) {
    workers.emplace_back([&] {
      for (int round = 0; round < (kSlow ? 8 : 40); ++round) {
        ScopedThreadState mine(interpreter_);
        for (int i = 0; i < 300; ++i) {
          DropCycle(*mine);
          if (i % 8 == 0) ASSERT_TRUE(SafePoint(*mine));
        }
      }
      running.fetch_sub(1);
    });
  }
  while (running.load() != 0) {
    const CollectStatus status = Collect(*thread).status;
    EXPECT_TRUE(status == CollectStatus::kDone || status == CollectStatus::kBusy);
    ASSERT_TRUE(SafePoint(*thread));
  }
  Detach(*thread);
  for (std::thread& worker : workers) worker.join();
  ASSERT_TRUE(Attach(*thread));
  EXPECT_EQ(Collect(*thread).status, CollectStatus::kDone);
  ExpectSameBalance(start, RestingBalance(*thread));
  EXPECT_EQ(Get(Counter::kObjectsCollected), 4 * (kSlow ? 8 : 40) * 300);
}

}  // namespace
}  // namespace rt
