// Finalization and destruction: by whom, against whom, and what is refused then.

#include <atomic>
#include <barrier>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/fault_point.h"
#include "runtime/base/sanitizer.h"
#include "runtime/state/lifecycle.h"
#include "runtime/state/state_testing.h"

namespace rt {
namespace {

constexpr int kRounds = (kAddressSanitizer || kThreadSanitizer) ? 10 : 50;

// Works until it is shut down, then lets go. Returns the rounds it worked.
int64_t WorkUntilShutDown(Interpreter& interpreter, std::barrier<>& meet) {
  ThreadState* const thread = NewThreadState(interpreter);
  EXPECT_NE(thread, nullptr);
  EXPECT_TRUE(Attach(*thread));
  SetLocalObject(*thread, AsObject(MakeList(*thread, 3)));
  List* const kept = MakeList(*thread, 10);  // Lost when it is shut down.
  SetLocalObject(*thread, AsObject(kept));
  meet.arrive_and_wait();
  int64_t rounds = 0;
  for (;;) {
    ++rounds;
    Decref(*thread, AsObject(MakeList(*thread, 5)));
    Object* const item = AsObject(NumberNew(*thread, rounds));
    EXPECT_TRUE(ListAppend(*thread, kept, item));
    Decref(*thread, item);
    if (rounds % 16 == 0) ListClear(*thread, kept);
    if (!SafePoint(*thread)) break;
    if (rounds % 3 == 0) {
      Detach(*thread);
      if (!Attach(*thread)) break;
    }
  }
  EXPECT_EQ(CurrentThreadState(), nullptr);
  EXPECT_EQ(StatusOf(*thread), ThreadStatus::kShuttingDown);
  EXPECT_FALSE(Attach(*thread)) << "refused for ever";
  ReleaseThreadState(thread);
  return rounds;
}

TEST(FinalizeTest, ShutsDownThreadsThatAreAttachedInALoop) {
  for (int round = 0; round < kRounds; ++round) {
    std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
    Interpreter& interpreter = *runtime->main_interpreter();
    constexpr int kThreads = 3;
    std::barrier meet(kThreads + 1);
    std::vector<std::thread> daemons;
    for (int w = 0; w < kThreads; ++w) {
      daemons.emplace_back([&] { WorkUntilShutDown(interpreter, meet); });
    }
    meet.arrive_and_wait();
    {
      ScopedThreadState main(interpreter);
      ASSERT_TRUE(runtime->Finalize());
      EXPECT_EQ(interpreter.thread_state_count(), 1u);
      EXPECT_EQ(NewThreadState(interpreter), nullptr) << "late creation";
      BalanceSnapshot snapshot;
      ASSERT_TRUE(interpreter.Snapshot(*main, &snapshot));
      EXPECT_EQ(snapshot.reference_total, 0) << "the locals were dropped";
      EXPECT_EQ(snapshot.qsbr_slot_count, 1);
      EXPECT_EQ(snapshot.queued_object_count, 0);
      EXPECT_EQ(snapshot.delayed_free_count, 0);
      EXPECT_EQ(snapshot.LiveBlockCount(), 0);
    }
    // The daemons let go of their thread states after the runtime is gone, or
    // before: both happen.
    if (round % 2 == 0) runtime.reset();
    for (std::thread& daemon : daemons) daemon.join();
  }
}

// Threads that come and go without pause, so that some are always about to
// delete themselves when finalization stops the world: each is deleted once, by
// itself or by the finalizer (INV-DEL-1).
TEST(FinalizeTest, LateThreadsFromOutsideAreRefused) {
  for (int round = 0; round < 2 * kRounds; ++round) {
    std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
    Interpreter& interpreter = *runtime->main_interpreter();
    constexpr int kThreads = 4;
    std::atomic<int> refused_count = 0;
    std::atomic<int> lives_count = 0;
    std::vector<std::thread> pool;
    for (int w = 0; w < kThreads; ++w) {
      pool.emplace_back([&] {
        for (;;) {
          ScopedThreadState thread(interpreter);
          if (!thread) break;
          if (round % 2 == 0) Decref(*thread, AsObject(MakeList(*thread, 2)));
          ++lives_count;
        }
        ++refused_count;
      });
    }
    while (lives_count.load() < 20) std::this_thread::yield();
    ASSERT_TRUE(runtime->Finalize());
    for (std::thread& thread : pool) thread.join();
    EXPECT_EQ(refused_count, kThreads);
    EXPECT_EQ(interpreter.thread_state_count(), 0u);
    EXPECT_EQ(runtime->ReadReferenceTotal(), 0);
  }
}

// Live objects, queued merges and delayed frees outstanding, all of a thread
// that never comes back.
TEST(FinalizeTest, ForeignThreadFinalizesWhatIsInFlight) {
  for (int round = 0; round < kRounds; ++round) {
    std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
    Interpreter* const victim_home = Interpreter::Create(*runtime);
    ThreadState* victim = nullptr;
    List* shared = nullptr;
    std::thread([&] {
      victim = NewThreadState(*victim_home);
      ASSERT_TRUE(Attach(*victim));
      shared = ListNew(*victim);
      // Growing leaves old arrays in its delayed frees.
      for (int i = 0; i < 200; ++i) {
        Object* const item = AsObject(NumberNew(*victim, i));
        ASSERT_TRUE(ListAppend(*victim, shared, item));
        Decref(*victim, item);
      }
      SetLocalObject(*victim, AsObject(shared));
      Detach(*victim);
    }).join();
    std::thread([&] {
      ScopedThreadState other(*victim_home);
      // Queued: only the owner's count covers what is dropped here.
      for (int i = 0; i < 50; ++i) {
        Object* const item = ListGet(*other, shared, i);
        ASSERT_NE(item, nullptr);
        Object* const mine = AsObject(NumberNew(*other, -i));
        EXPECT_TRUE(ListSet(*other, shared, i, mine));
        Decref(*other, mine);
        Decref(*other, item);
      }
    }).join();
    BalanceSnapshot last;
    ASSERT_TRUE(Interpreter::Destroy(victim_home, &last));
    EXPECT_EQ(last.reference_total, 0);
    EXPECT_EQ(last.LiveBlockCount(), 0);
    EXPECT_EQ(last.thread_state_count, 0);
    EXPECT_EQ(last.qsbr_slot_count, 0);
    EXPECT_EQ(last.queued_object_count, 0);
    EXPECT_EQ(last.delayed_free_count, 0);
    EXPECT_FALSE(Attach(*victim));
    ReleaseThreadState(victim);
  }
}

TEST(FinalizeTest, DestroyTellsWhatLeaked) {
  std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
  Interpreter* const leaky = Interpreter::Create(*runtime);
  {
    ScopedThreadState thread(*leaky);
    Object* const lost = AsObject(NumberNew(*thread, 1));
    Incref(*thread, lost);
    Decref(*thread, lost);
    EXPECT_EQ(leaky->ReadReferenceTotal(), RT_REFERENCE_TOTALS);
    // LeakSanitizer would report it, rightly.
    if (kAddressSanitizer) Decref(*thread, lost);
  }
  BalanceSnapshot last;
  ASSERT_TRUE(Interpreter::Destroy(leaky, &last));
  if (kAddressSanitizer) return;
  EXPECT_EQ(last.reference_total, RT_REFERENCE_TOTALS);
  EXPECT_EQ(last.LiveBlockCount(), 1);
}

TEST(FinalizeTest, DestroyFromAThreadStateOfAnotherInterpreter) {
  std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
  ScopedThreadState main(*runtime->main_interpreter());
  for (int round = 0; round < kRounds; ++round) {
    Interpreter* const other = Interpreter::Create(*runtime);
    std::barrier meet(2);
    std::thread daemon([&] { WorkUntilShutDown(*other, meet); });
    Detach(*main);
    meet.arrive_and_wait();
    ASSERT_TRUE(Attach(*main));
    BalanceSnapshot last;
    ASSERT_TRUE(Interpreter::Destroy(other, &last));
    EXPECT_EQ(CurrentThreadState(), main.get()) << "attached again";
    EXPECT_EQ(last.reference_total, 0);
    daemon.join();
  }
}

bool FailAlways(const char* /*name*/) { return true; }

// A thread state with objects, so that there is something to reap.
ThreadState* MakeIdleThread(Interpreter& interpreter) {
  ThreadState* const thread = NewThreadState(interpreter);
  EXPECT_NE(thread, nullptr);
  EXPECT_TRUE(Attach(*thread));
  SetLocalObject(*thread, AsObject(MakeList(*thread, 3)));
  Detach(*thread);
  return thread;
}

TEST(FinalizeTest, NeedsNoMemory) {
  for (const bool finalize_first : {true, false}) {
    std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
    Interpreter* const other = Interpreter::Create(*runtime);
    ASSERT_NE(other, nullptr);
    ThreadState* const here = MakeIdleThread(*runtime->main_interpreter());
    ThreadState* const there = MakeIdleThread(*other);
    BalanceSnapshot last;
    {
      (void)SetFaultHook(&FailAlways);
      if (finalize_first) {
        EXPECT_TRUE(other->Finalize());
        EXPECT_TRUE(runtime->Finalize());
      }
      EXPECT_TRUE(Interpreter::Destroy(other, &last));
      runtime.reset();
      (void)SetFaultHook(nullptr);
    }
    EXPECT_EQ(last.reference_total, 0);
    EXPECT_EQ(last.LiveBlockCount(), 0);
    ReleaseThreadState(here);
    ReleaseThreadState(there);
  }
}

// The reserve goes to who finalizes, and comes back with whatever dies next.
TEST(FinalizeTest, ReserveIsFilledAgain) {
  std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
  InterpreterImpl& interpreter = ImplOf(*runtime->main_interpreter());
  ThreadState* const thread = MakeIdleThread(interpreter);
  (void)SetFaultHook(&FailAlways);
  ThreadStateImpl* const first = CreateThreadState(interpreter, Admission::kFinalizer);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(CreateThreadState(interpreter, Admission::kFinalizer), nullptr) << "there is one";
  EXPECT_EQ(NewThreadState(interpreter), nullptr);
  (void)SetFaultHook(nullptr);
  EXPECT_EQ(interpreter.reserve.memory, nullptr);
  EXPECT_TRUE(interpreter.reserve.counters_taken);
  // Reaped with the others, while its OS thread still has hold of it.
  ASSERT_TRUE(runtime->Finalize());
  EXPECT_NE(interpreter.reserve.memory, nullptr) << "from the finalizer's own";
  EXPECT_FALSE(interpreter.reserve.counters_taken);
  ReleaseThreadState(first);
  ReleaseThreadState(thread);
}

TEST(FinalizeTest, OfSeveralFinalizersOneWins) {
  for (int round = 0; round < kRounds; ++round) {
    std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
    Interpreter& interpreter = *runtime->main_interpreter();
    std::atomic<int> winner_count = 0;
    std::barrier meet(3);
    ThreadState* threads[2] = {NewThreadState(interpreter), NewThreadState(interpreter)};
    std::vector<std::thread> finalizers;
    for (ThreadState* thread : threads) {
      finalizers.emplace_back([&, thread] {
        meet.arrive_and_wait();
        if (!Attach(*thread)) return;
        if (interpreter.Finalize()) ++winner_count;
        if (CurrentThreadState() == thread) Detach(*thread);
      });
    }
    finalizers.emplace_back([&] {
      meet.arrive_and_wait();
      if (runtime->Finalize()) ++winner_count;
    });
    for (std::thread& finalizer : finalizers) finalizer.join();
    EXPECT_GE(winner_count, 1);
    EXPECT_LE(winner_count, 2) << "one of the interpreter, one of the runtime";
    runtime.reset();
    for (ThreadState* thread : threads) ReleaseThreadState(thread);
  }
}

TEST(FinalizeTest, RequestersWaitingForATurnAreShutDown) {
  for (int round = 0; round < kRounds; ++round) {
    std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
    Interpreter& interpreter = *runtime->main_interpreter();
    constexpr int kThreads = 3;
    std::barrier meet(kThreads + 1);
    std::vector<std::thread> stoppers;
    for (int w = 0; w < kThreads; ++w) {
      stoppers.emplace_back([&, w] {
        ThreadState* const thread = NewThreadState(interpreter);
        ASSERT_TRUE(Attach(*thread));
        meet.arrive_and_wait();
        while (StopTheWorld(*thread, w == 0 ? StopScope::kRuntime : StopScope::kInterpreter)) {
          StartTheWorld(*thread);
        }
        EXPECT_EQ(CurrentThreadState(), nullptr);
        ReleaseThreadState(thread);
      });
    }
    meet.arrive_and_wait();
    ASSERT_TRUE(runtime->Finalize());
    runtime.reset();
    for (std::thread& stopper : stoppers) stopper.join();
  }
}

}  // namespace
}  // namespace rt
