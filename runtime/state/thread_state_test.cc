#include "runtime/state/thread_state.h"

#include <algorithm>
#include <barrier>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/thread_id.h"
#include "runtime/state/state_testing.h"

namespace rt {
namespace {

class ThreadStateTest : public testing::Test {
 protected:
  std::unique_ptr<Runtime> runtime_ = MakeCheckedRuntime();
  Interpreter& interpreter_ = *runtime_->main_interpreter();
};

TEST_F(ThreadStateTest, AttachMakesItCurrentAndDetachUndoesIt) {
  EXPECT_EQ(CurrentThreadState(), nullptr);
  EXPECT_EQ(CurrentThreadId(), kNobodyId);
  ThreadState* const thread = NewThreadState(interpreter_);
  ASSERT_NE(thread, nullptr);
  EXPECT_EQ(StatusOf(*thread), ThreadStatus::kDetached);
  ASSERT_TRUE(Attach(*thread));
  EXPECT_EQ(CurrentThreadState(), thread);
  EXPECT_EQ(CurrentThreadId(), thread->id);
  EXPECT_EQ(StatusOf(*thread), ThreadStatus::kAttached);
  EXPECT_TRUE(SafePoint(*thread));
  Detach(*thread);
  EXPECT_EQ(CurrentThreadState(), nullptr);
  EXPECT_EQ(CurrentThreadId(), kNobodyId);
  ASSERT_TRUE(Attach(*thread));
  ClearThreadState(*thread, *thread);
  DeleteThreadState(*thread, *thread);
  EXPECT_EQ(CurrentThreadState(), nullptr);
  EXPECT_EQ(interpreter_.thread_state_count(), 0u);
}

TEST_F(ThreadStateTest, WhoAttachesFreesWhatOthersHadToLeave) {
  ScopedThreadState main(interpreter_);
  // This thread is attached and passes no safe point: it pins the other's entry.
  std::thread([&] {
    ScopedThreadState other(interpreter_);
    void* const block = AllocateBlock(*other, HeapKind::kMemory, 64);
    ASSERT_NE(block, nullptr);
    other->delayed_free.FreeMemory(block, 64);
  }).join();
  BalanceSnapshot left;
  ASSERT_TRUE(interpreter_.Snapshot(*main, &left));
  EXPECT_EQ(left.delayed_free_count, 1);
  EXPECT_TRUE(SafePoint(*main));  // Nothing of its own, and nobody has asked it.
  ASSERT_TRUE(interpreter_.Snapshot(*main, &left));
  EXPECT_EQ(left.delayed_free_count, 1);
  ASSERT_TRUE(ScopedDetach(*main).End());
  EXPECT_TRUE(SafePoint(*main));
  ASSERT_TRUE(interpreter_.Snapshot(*main, &left));
  EXPECT_EQ(left.delayed_free_count, 0);
}

TEST_F(ThreadStateTest, IdsAreNeverReused) {
  uint64_t last = 0;
  for (int i = 0; i < 100; ++i) {
    ScopedThreadState thread(interpreter_);
    EXPECT_GT(thread->id, last);
    last = thread->id;
  }
}

TEST_F(ThreadStateTest, EveryFailedStepOfCreationGivesBackWhatItTook) {
  ScopedThreadState main(interpreter_);
  const BalanceSnapshot start = RestingBalance(*main);
  static int countdown;
  static int failure_count;
  static std::vector<std::string>* points;
  std::vector<std::string> found;
  points = &found;
  for (int allowed = 0;; ++allowed) {
    countdown = allowed;
    failure_count = 0;
    SetFaultHook([](const char* name) {
      const bool fail = countdown-- == 0;
      if (fail) {
        ++failure_count;
        points->push_back(name);
      }
      return fail;
    });
    ThreadState* const thread = NewThreadState(interpreter_);
    SetFaultHook(nullptr);
    if (failure_count == 0) {
      ASSERT_NE(thread, nullptr);
      ClearThreadState(*main, *thread);
      DeleteThreadState(*main, *thread);
      ReleaseThreadState(thread);
      break;
    }
    EXPECT_EQ(thread, nullptr) << found.back();
    // The stop of the snapshot checks slots, lists and bundles too.
    ExpectSameBalance(start, RestingBalance(*main));
  }
  for (const char* point : {"state.reserve_slot", "state.acquire_counters"}) {
    EXPECT_NE(std::find(found.begin(), found.end(), point), found.end()) << point;
  }
}

TEST_F(ThreadStateTest, HeapsComeWithTheFirstBlock) {
  ThreadState* const thread = NewThreadState(interpreter_);
  ASSERT_TRUE(Attach(*thread));
  EXPECT_EQ(thread->heaps, nullptr);
  SetFaultHook([](const char* name) { return std::strcmp(name, "object.adopt_heaps") == 0; });
  EXPECT_EQ(AllocateBlock(*thread, HeapKind::kMemory, 64), nullptr);
  SetFaultHook(nullptr);
  EXPECT_EQ(thread->heaps, nullptr);
  void* const block = AllocateBlock(*thread, HeapKind::kMemory, 64);
  EXPECT_NE(block, nullptr);
  EXPECT_EQ(thread->heaps->owner_id(), thread->id);
  HeapFree(block);
  ClearThreadState(*thread, *thread);
  // A cleared one gets none again: nobody would park them.
  EXPECT_EQ(AllocateBlock(*thread, HeapKind::kMemory, 64), nullptr);
  DeleteThreadState(*thread, *thread);
}

TEST_F(ThreadStateTest, TwoInterpretersOnOneOsThread) {
  Interpreter* const second = Interpreter::Create(*runtime_);
  ThreadState* const one = NewThreadState(interpreter_);
  ThreadState* const two = NewThreadState(*second);
  List* lists[2] = {};
  for (int i = 0; i < 10; ++i) {
    for (ThreadState* thread : {one, two}) {
      ASSERT_TRUE(Attach(*thread));
      List*& list = lists[thread == two];
      if (list != nullptr) Decref(*thread, AsObject(list));
      list = MakeList(*thread, 20);
      EXPECT_TRUE(SafePoint(*thread));
      Detach(*thread);
    }
  }
#if RT_REFERENCE_TOTALS
  EXPECT_EQ(interpreter_.ReadReferenceTotal(), 21);
  EXPECT_EQ(second->ReadReferenceTotal(), 21);
#endif
  for (ThreadState* thread : {one, two}) {
    ASSERT_TRUE(Attach(*thread));
    Decref(*thread, AsObject(lists[thread == two]));
    EXPECT_EQ(RestingBalance(*thread).reference_total, 0);
    ClearThreadState(*thread, *thread);
    DeleteThreadState(*thread, *thread);
  }
  EXPECT_TRUE(Interpreter::Destroy(second));
}

TEST_F(ThreadStateTest, AThreadStateMovesBetweenOsThreads) {
  ThreadState* const thread = NewThreadState(interpreter_);
  List* list = nullptr;
  std::thread([&] {
    ASSERT_TRUE(Attach(*thread));
    list = MakeList(*thread, 5);
    Detach(*thread);
  }).join();
  ASSERT_TRUE(Attach(*thread));
  EXPECT_TRUE(IsUniquelyReferenced(*thread, AsObject(list)))
      << "the owner is the thread state, not the OS thread";
  Decref(*thread, AsObject(list));
  ClearThreadState(*thread, *thread);
  DeleteThreadState(*thread, *thread);
}

// The OS recycles threads, stacks and thread-local addresses; ids differ.
TEST_F(ThreadStateTest, RecycledOsThreadsDoNotInheritObjects) {
  ScopedThreadState main(interpreter_);
  const BalanceSnapshot start = RestingBalance(*main);
  List* const shared = ListNew(*main);
  for (int i = 0; i < 50; ++i) {
    Detach(*main);
    std::thread([&] {
      ScopedThreadState thread(interpreter_);
      Object* const item = AsObject(NumberNew(*thread, i));
      EXPECT_TRUE(ListAppend(*thread, shared, item));
      Decref(*thread, item);
      if (i > 0) {
        Object* const before = ListGet(*thread, shared, i - 1);
        ASSERT_NE(before, nullptr);
        EXPECT_EQ(NumberValue(before), i - 1);
        Decref(*thread, before);
      }
    }).join();
    ASSERT_TRUE(Attach(*main));
  }
  Decref(*main, AsObject(shared));
  ExpectSameBalance(start, RestingBalance(*main));
}

TEST_F(ThreadStateTest, ClearDropsTheLocalObjectAndItsDestructorsRun) {
  static int finalized_count;
  finalized_count = 0;
  ScopedThreadState main(interpreter_);
  const BalanceSnapshot start = RestingBalance(*main);
  TypeSpec spec;
  spec.name = "local";
  spec.finalizer = [](ObjectThread&, Instance*, void*) { ++finalized_count; };
  TypeObject* const type = TypeNew(*main, spec);
  Detach(*main);
  std::thread([&] {
    ScopedThreadState thread(interpreter_);
    SetLocalObject(*thread, AsObject(InstanceNew(*thread, type)));
    SetLocalObject(*thread, AsObject(InstanceNew(*thread, type)));
    EXPECT_EQ(finalized_count, 1) << "replacing drops the first";
  }).join();
  ASSERT_TRUE(Attach(*main));
  EXPECT_EQ(finalized_count, 2);
  Decref(*main, AsObject(type));
  ExpectSameBalance(start, RestingBalance(*main));
}

// A thread exits while others drop its objects: queue, leave, explicit merge.
TEST_F(ThreadStateTest, ChurnBesideDropsOfForeignObjects) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 60;
  ScopedThreadState main(interpreter_);
  const BalanceSnapshot start = RestingBalance(*main);
  List* const board = MakeList(*main, kThreads);
  Detach(*main);
  std::vector<std::thread> workers;
  for (int w = 0; w < kThreads; ++w) {
    workers.emplace_back([&, w] {
      for (int round = 0; round < kRounds; ++round) {
        ScopedThreadState thread(interpreter_);
        ASSERT_TRUE(thread);
        for (int i = 0; i < 20; ++i) {
          List* const list = MakeList(*thread, 3);
          EXPECT_TRUE(ListSet(*thread, board, (w + i) % kThreads, AsObject(list)));
          Decref(*thread, AsObject(list));
          Object* const found = ListGet(*thread, board, (w + i + 1) % kThreads);
          ASSERT_NE(found, nullptr);
          Decref(*thread, found);
          ASSERT_TRUE(SafePoint(*thread));
        }
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  ASSERT_TRUE(Attach(*main));
  Decref(*main, AsObject(board));
  ExpectSameBalance(start, RestingBalance(*main));
}

TEST_F(ThreadStateTest, ForeignClearOfALivingOsThreadsState) {
  ScopedThreadState main(interpreter_);
  const BalanceSnapshot start = RestingBalance(*main);
  ThreadState* victim = nullptr;
  List* kept = nullptr;
  std::barrier meet(2);
  std::thread owner([&] {
    victim = NewThreadState(interpreter_);
    ASSERT_TRUE(Attach(*victim));
    kept = MakeList(*victim, 100);
    Decref(*victim, AsObject(MakeList(*victim, 300)));  // Fills freelists.
    SetLocalObject(*victim, AsObject(MakeList(*victim, 10)));
    Detach(*victim);
    meet.arrive_and_wait();  // 1: ready to be cleared.
    meet.arrive_and_wait();  // 2: cleared and deleted.
    EXPECT_FALSE(Attach(*victim));
    EXPECT_EQ(CurrentThreadState(), nullptr);
    ReleaseThreadState(victim);
  });
  Detach(*main);
  meet.arrive_and_wait();
  ASSERT_TRUE(Attach(*main));
  // Queued for an owner that never comes back, and delayed frees of its own.
  Incref(*main, AsObject(kept));
  Decref(*main, AsObject(kept));
  Decref(*main, AsObject(kept));
  ClearThreadState(*main, *victim);
  DeleteThreadState(*main, *victim);
  EXPECT_EQ(main->number_freelist.enabled(), RT_FREELISTS != 0)
      << "the caller's lists are not the victim's";
  ExpectSameBalance(start, RestingBalance(*main));
  Detach(*main);
  meet.arrive_and_wait();
  owner.join();
  ASSERT_TRUE(Attach(*main));
}

using ThreadStateDeathTest = ThreadStateTest;

TEST_F(ThreadStateDeathTest, ClearOfAnAttachedForeignStateDies) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        ScopedThreadState main(interpreter_);
        std::barrier meet(2);
        ThreadState* victim = nullptr;
        std::thread([&] {
          victim = NewThreadState(interpreter_);
          (void)!Attach(*victim);
          meet.arrive_and_wait();
          meet.arrive_and_wait();
        }).detach();
        meet.arrive_and_wait();
        ClearThreadState(*main, *victim);
      },
      "INV-CLR-1");
}

TEST_F(ThreadStateDeathTest, SafePointWithinAFinalizerDies) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        ScopedThreadState main(interpreter_);
        TypeSpec spec;
        spec.finalizer = [](ObjectThread& thread, Instance*, void*) {
          Detach(static_cast<ThreadState&>(thread));
        };
        TypeObject* const type = TypeNew(*main, spec);
        Decref(*main, AsObject(InstanceNew(*main, type)));
      },
      "T5");
}

}  // namespace
}  // namespace rt
