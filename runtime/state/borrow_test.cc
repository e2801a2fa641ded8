// Merging for a detached owner: what it frees, and every change of the state word
// that can meet a borrower.
#include "runtime/state/borrow.h"

#include <atomic>
#include <barrier>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/sanitizer.h"
#include "runtime/object/merge_queue.h"
#include "runtime/state/attach.h"
#include "runtime/state/state_testing.h"

namespace rt {
namespace {

constexpr int kScale = (kAddressSanitizer || kThreadSanitizer) ? 1 : 5;

uint32_t WordOf(const ThreadState& thread) { return thread.state.load(std::memory_order_relaxed); }

int64_t CounterOf(Interpreter& interpreter, Counter counter) {
  CounterTotals totals;
  interpreter.ReadCounters(&totals);
  return totals.Get(counter);
}

int64_t LiveLists(Interpreter& interpreter) {
  return CounterOf(interpreter, Counter::kListsCreated) -
         CounterOf(interpreter, Counter::kListsDestroyed);
}

class BorrowTest : public testing::Test {
 protected:
  // Makes `count` lists as `owner`, which is left detached.
  std::vector<List*> MakeListsAs(ThreadState& owner, int count) {
    std::vector<List*> lists;
    std::thread([&] {
      EXPECT_TRUE(Attach(owner));
      for (int i = 0; i < count; ++i) lists.push_back(MakeList(owner, 2));
      Detach(owner);
    }).join();
    return lists;
  }

  void Remove(ThreadState& caller, ThreadState* victim) {
    ClearThreadState(caller, *victim);
    DeleteThreadState(caller, *victim);
    ReleaseThreadState(victim);
  }

  std::unique_ptr<Runtime> runtime_ = MakeCheckedRuntime();
  Interpreter& interpreter_ = *runtime_->main_interpreter();
};

TEST_F(BorrowTest, ADetachedOwnerDoesNotKeepWhatOthersDrop) {
  ScopedThreadState main(interpreter_);
  const BalanceSnapshot start = RestingBalance(*main);
  ThreadState* const owner = NewThreadState(interpreter_);
  for (List* list : MakeListsAs(*owner, 1000)) Decref(*main, AsObject(list));
  EXPECT_EQ(LiveLists(interpreter_), 0);
  EXPECT_EQ(CounterOf(interpreter_, Counter::kObjectsMergedForDetached), 3000);
  EXPECT_EQ(CounterOf(interpreter_, Counter::kObjectsMergedFromQueue), 0);
  EXPECT_EQ(WordOf(*owner), kDetachedWord);
  EXPECT_EQ(interpreter_.ReadReferenceTotal(), start.reference_total);
  Remove(*main, owner);
  ExpectSameBalance(start, RestingBalance(*main));
}

TEST_F(BorrowTest, SwitchedOffTheOwnerKeepsThemUntilItAttaches) {
  const std::unique_ptr<Runtime> runtime = MakeRuntimeWithoutBorrowing();
  Interpreter& interpreter = *runtime->main_interpreter();
  {
    ScopedThreadState main(interpreter);
    ThreadState* const owner = NewThreadState(interpreter);
    for (List* list : MakeListsAs(*owner, 100)) Decref(*main, AsObject(list));
    EXPECT_EQ(LiveLists(interpreter), 100);
    std::thread([&] {
      EXPECT_TRUE(Attach(*owner));
      EXPECT_TRUE(SafePoint(*owner));
      EXPECT_EQ(LiveLists(interpreter), 0);
      Detach(*owner);
    }).join();
    Remove(*main, owner);
  }
}

TEST_F(BorrowTest, DetachMergesWhatWasQueuedWhileAttached) {
  ScopedThreadState main(interpreter_);
  ThreadState* const owner = NewThreadState(interpreter_);
  std::vector<List*> lists;
  std::barrier made(2);
  std::barrier dropped(2);
  std::thread thread([&] {
    EXPECT_TRUE(Attach(*owner));
    for (int i = 0; i < 100; ++i) lists.push_back(MakeList(*owner, 1));
    made.arrive_and_wait();
    dropped.arrive_and_wait();
    EXPECT_EQ(LiveLists(interpreter_), 100);
    Detach(*owner);
    EXPECT_EQ(LiveLists(interpreter_), 0);
  });
  made.arrive_and_wait();
  for (List* list : lists) Decref(*main, AsObject(list));
  dropped.arrive_and_wait();
  thread.join();
  Remove(*main, owner);
}

TEST_F(BorrowTest, ADestructorMayQueueForTheSameOwner) {
  ScopedThreadState main(interpreter_);
  const BalanceSnapshot start = RestingBalance(*main);
  ThreadState* const owner = NewThreadState(interpreter_);
  std::vector<List*> nested;
  std::thread([&] {
    EXPECT_TRUE(Attach(*owner));
    for (int i = 0; i < 100; ++i) {
      // A chain deeper than destructors nest, all of it the owner's.
      List* outer = MakeList(*owner, 1);
      for (int depth = 0; depth < 50; ++depth) {
        List* const next = ListNew(*owner);
        EXPECT_TRUE(ListAppend(*owner, next, AsObject(outer)));
        Decref(*owner, AsObject(outer));
        outer = next;
      }
      nested.push_back(outer);
    }
    Detach(*owner);
  }).join();
  for (List* list : nested) Decref(*main, AsObject(list));
  EXPECT_EQ(LiveLists(interpreter_), 0);
  Remove(*main, owner);
  ExpectSameBalance(start, RestingBalance(*main));
}

TEST_F(BorrowTest, AttachWaitsForTheBorrower) {
  ScopedThreadState main(interpreter_);
  ThreadState* const owner = NewThreadState(interpreter_);
  ASSERT_TRUE(BorrowDetached(ImplOf(*owner)));
  EXPECT_FALSE(BorrowDetached(ImplOf(*owner)));
  std::atomic<bool> returned = false;
  std::thread thread([&] {
    EXPECT_TRUE(Attach(*owner));
    EXPECT_TRUE(returned.load());
    Detach(*owner);
  });
  // Until it sleeps: the futex path is taken, not only the spinning.
  while ((WordOf(*owner) & kAttachSleepsFlag) == 0) std::this_thread::yield();
  returned = true;
  ReturnBorrowed(ImplOf(*owner));
  thread.join();
  Remove(*main, owner);
}

TEST_F(BorrowTest, StopAndStartChangeTheStatusBesideTheFlag) {
  ScopedThreadState main(interpreter_);
  ThreadState* const owner = NewThreadState(interpreter_);
  ASSERT_TRUE(BorrowDetached(ImplOf(*owner)));
  // As the stopper does it under the mutex of the lists; nobody else runs.
  EXPECT_FALSE(RequestSuspensionLocked(ImplOf(*owner)));
  EXPECT_EQ(WordOf(*owner), kSuspendedWord | kBorrowedFlag);
  ReturnBorrowed(ImplOf(*owner));
  EXPECT_EQ(WordOf(*owner), kSuspendedWord);
  ASSERT_TRUE(BorrowDetached(ImplOf(*owner)));
  ResumeLocked(ImplOf(*owner));
  EXPECT_EQ(WordOf(*owner), kDetachedWord | kBorrowedFlag);
  EXPECT_TRUE(ShutDownLocked(ImplOf(*owner)));
  EXPECT_TRUE(ShutDownLocked(ImplOf(*owner)));
  ReturnBorrowed(ImplOf(*owner));
  EXPECT_EQ(WordOf(*owner), kShuttingDownWord);
  EXPECT_FALSE(BorrowDetached(ImplOf(*owner)));
  Remove(*main, owner);
}

TEST_F(BorrowTest, AStoppedWorldMeetsASleepingAttach) {
  ScopedThreadState main(interpreter_);
  ThreadState* const owner = NewThreadState(interpreter_);
  ASSERT_TRUE(BorrowDetached(ImplOf(*owner)));
  std::thread thread([&] {
    EXPECT_TRUE(Attach(*owner));
    Detach(*owner);
  });
  while ((WordOf(*owner) & kAttachSleepsFlag) == 0) std::this_thread::yield();
  EXPECT_FALSE(RequestSuspensionLocked(ImplOf(*owner)));
  ReturnBorrowed(ImplOf(*owner));
  // Now it sleeps for the start of the world.
  while (WordOf(*owner) != kSuspendedWaitingWord) std::this_thread::yield();
  EXPECT_FALSE(BorrowDetached(ImplOf(*owner)));
  ResumeLocked(ImplOf(*owner));
  thread.join();
  Remove(*main, owner);
}

// Owners that block and come back all the time, others that drop what they make,
// stops, and thread states that end in between.
TEST_F(BorrowTest, OwnersComeAndGoWhileOthersMergeForThem) {
  constexpr int kOwners = 3;
  constexpr int kDroppers = 2;
  constexpr int kRounds = 400 * kScale;
  std::unique_ptr<ScopedThreadState> main = std::make_unique<ScopedThreadState>(interpreter_);
  const BalanceSnapshot start = RestingBalance(**main);
  Atomic<List*> slots[kOwners];
  std::atomic<int> owners_left = kOwners;
  std::barrier ready(kOwners + kDroppers);
  std::vector<std::thread> threads;
  for (int i = 0; i < kOwners; ++i) {
    threads.emplace_back([&, i] {
      ready.arrive_and_wait();
      auto thread = std::make_unique<ScopedThreadState>(interpreter_);
      for (int round = 0; round < kRounds; ++round) {
        ThreadState& self = **thread;
        List* const list = MakeList(self, 2);
        // acq_rel: hands over the list.
        List* const old = slots[i].exchange(list, std::memory_order_acq_rel);
        if (old != nullptr) Decref(self, AsObject(old));
        Detach(self);
        std::this_thread::yield();
        ASSERT_TRUE(Attach(self));
        if (round % 8 == 0) ASSERT_TRUE(SafePoint(self));
        if (round % 64 == 63) {
          thread.reset();
          thread = std::make_unique<ScopedThreadState>(interpreter_);
        }
      }
      --owners_left;
    });
  }
  for (int i = 0; i < kDroppers; ++i) {
    threads.emplace_back([&] {
      ready.arrive_and_wait();
      ScopedThreadState thread(interpreter_);
      size_t turn = 0;
      while (owners_left.load() != 0) {
        List* const list = slots[turn++ % kOwners].exchange(nullptr, std::memory_order_acq_rel);
        if (list != nullptr) Decref(*thread, AsObject(list));
        ASSERT_TRUE(SafePoint(*thread));
      }
    });
  }
  while (owners_left.load() != 0) {
    ASSERT_TRUE(StopTheWorld(**main, StopScope::kInterpreter));
    StartTheWorld(**main);
    Detach(**main);
    std::this_thread::yield();
    ASSERT_TRUE(Attach(**main));
  }
  Detach(**main);
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(Attach(**main));
  for (Atomic<List*>& slot : slots) {
    List* const left = slot.load(std::memory_order_relaxed);
    if (left != nullptr) Decref(**main, AsObject(left));
  }
  EXPECT_GT(CounterOf(interpreter_, Counter::kObjectsMergedForDetached), 0);
  EXPECT_EQ(LiveLists(interpreter_), 0);
  ExpectSameBalance(start, RestingBalance(**main));
}

}  // namespace
}  // namespace rt
