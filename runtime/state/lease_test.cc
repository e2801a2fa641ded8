// Interpreters by id: who may use one, who may destroy it, and what the others hear.

#include "runtime/state/lease.h"

#include <sys/wait.h>

#include <atomic>
#include <barrier>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/sanitizer.h"
#include "runtime/state/state_testing.h"

namespace rt {
namespace {

constexpr int kRounds = (kAddressSanitizer || kThreadSanitizer) ? 60 : 400;

uint64_t NewInterpreterId(Runtime& runtime) {
  Interpreter* const interpreter = Interpreter::Create(runtime);
  EXPECT_NE(interpreter, nullptr);
  return interpreter->id();
}

TEST(LeaseTest, IdsAreNeverUsedAgain) {
  std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
  uint64_t last = runtime->main_interpreter()->id();
  for (int i = 0; i < 20; ++i) {
    const uint64_t id = NewInterpreterId(*runtime);
    EXPECT_GT(id, last);
    last = id;
    EXPECT_EQ(DestroyInterpreter(*runtime, id), InterpreterStatus::kOk);
    InterpreterLease lease;
    EXPECT_EQ(LeaseInterpreter(*runtime, id, &lease), InterpreterStatus::kNotFound);
    EXPECT_FALSE(lease);
    EXPECT_EQ(DestroyInterpreter(*runtime, id), InterpreterStatus::kNotFound);
  }
}

TEST(LeaseTest, ALeasedInterpreterIsNotDestroyed) {
  std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
  const uint64_t id = NewInterpreterId(*runtime);
  InterpreterLease first;
  ASSERT_EQ(LeaseInterpreter(*runtime, id, &first), InterpreterStatus::kOk);
  {
    InterpreterLease second;
    ASSERT_EQ(LeaseInterpreter(*runtime, id, &second), InterpreterStatus::kOk);
    EXPECT_EQ(LeaseCount(*first), 2u);
  }
  EXPECT_EQ(LeaseCount(*first), 1u);
  EXPECT_EQ(DestroyInterpreter(*runtime, id), InterpreterStatus::kLeased);
  EXPECT_FALSE(Interpreter::Destroy(first.get())) << "by pointer as well";
  EXPECT_FALSE(first->is_finalizing()) << "nothing was done";
  first.Release();
  EXPECT_EQ(DestroyInterpreter(*runtime, id), InterpreterStatus::kOk);
}

TEST(LeaseTest, ThreadStatesKeepAnInterpreter) {
  std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
  Interpreter* const interpreter = Interpreter::Create(*runtime);
  const uint64_t id = interpreter->id();
  {
    ScopedThreadState inside(*interpreter);
    EXPECT_EQ(DestroyInterpreter(*runtime, id), InterpreterStatus::kHasThreads) << "even our own";
    Detach(*inside);
    EXPECT_EQ(DestroyInterpreter(*runtime, id), InterpreterStatus::kHasThreads) << "detached";
    ASSERT_TRUE(Attach(*inside));
  }
  ScopedThreadState elsewhere(*runtime->main_interpreter());
  BalanceSnapshot last;
  EXPECT_EQ(DestroyInterpreter(*runtime, id, &last), InterpreterStatus::kOk);
  EXPECT_EQ(CurrentThreadState(), elsewhere.get()) << "attached again";
  EXPECT_EQ(last.LiveBlockCount(), 0);
}

TEST(LeaseTest, EveryStatusHasAText) {
  for (int i = 0; i <= static_cast<int>(InterpreterStatus::kShutDown); ++i) {
    EXPECT_STRNE(TextOf(static_cast<InterpreterStatus>(i)), "unknown") << i;
  }
}

TEST(LeaseTest, AFinalizedRuntimeSaysSo) {
  std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
  const uint64_t id = NewInterpreterId(*runtime);
  InterpreterLease lease;
  ASSERT_EQ(LeaseInterpreter(*runtime, id, &lease), InterpreterStatus::kOk);
  ASSERT_TRUE(runtime->Finalize()) << "a lease keeps the memory, not the life";
  EXPECT_EQ(NewThreadState(*lease), nullptr);
  EXPECT_EQ(DestroyInterpreter(*runtime, id), InterpreterStatus::kLeased);
  lease.Release();
  EXPECT_EQ(DestroyInterpreter(*runtime, id), InterpreterStatus::kOk);
}

// gh-126644: users and destroyers of one id, all at once. Exactly one destroyer wins,
// and whoever got a lease works in a whole interpreter.
TEST(LeaseTest, UseAndDestroyFromManyThreads) {
  std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
  std::atomic<int64_t> used_count = 0;
  std::atomic<int64_t> refused_count = 0;
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t id = NewInterpreterId(*runtime);
    std::atomic<int> winner_count = 0;
    std::barrier meet(4);
    std::vector<std::thread> threads;
    for (int w = 0; w < 4; ++w) {
      threads.emplace_back([&, w] {
        meet.arrive_and_wait();
        if (w % 2 == 0) {
          InterpreterStatus status = InterpreterStatus::kOk;
          do {
            status = DestroyInterpreter(*runtime, id);
            if (status == InterpreterStatus::kOk) ++winner_count;
            if (status != InterpreterStatus::kNotFound) ++refused_count;
            if (status != InterpreterStatus::kOk) std::this_thread::yield();
          } while (status != InterpreterStatus::kNotFound);
          return;
        }
        // Not for ever: users without a pause leave a destroyer no gap.
        for (int use = 0; use < 8; ++use) {
          InterpreterLease lease;
          const InterpreterStatus status = LeaseInterpreter(*runtime, id, &lease);
          if (status == InterpreterStatus::kNotFound) return;
          if (status != InterpreterStatus::kOk) continue;
          ScopedThreadState thread(*lease);
          ASSERT_TRUE(thread) << "a leased interpreter takes threads";
          Decref(*thread, AsObject(MakeList(*thread, 2)));
          ++used_count;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(winner_count, 1);
    EXPECT_EQ(runtime->interpreter_count(), 1u);
  }
  EXPECT_GT(used_count, 0);
  EXPECT_GT(refused_count, 0);
  EXPECT_EQ(runtime->ReadReferenceTotal(), 0);
}

TEST(LeaseTest, LeasesOfVanishedThreadsAreGoneInAForkedChild) {
  std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
  const uint64_t id = NewInterpreterId(*runtime);
  ScopedThreadState main(*runtime->main_interpreter());
  InterpreterLease own;
  ASSERT_EQ(LeaseInterpreter(*runtime, id, &own), InterpreterStatus::kOk);
  std::barrier meet(2);
  std::thread holder([&] {
    InterpreterLease lease;
    EXPECT_EQ(LeaseInterpreter(*runtime, id, &lease), InterpreterStatus::kOk);
    meet.arrive_and_wait();
    meet.arrive_and_wait();
  });
  meet.arrive_and_wait();
  const pid_t pid = Fork(*main);
  if (pid == 0) {
    int failure = 0;
    if (LeaseCount(*own) != 1) failure = 1;
    if (DestroyInterpreter(*runtime, id) != InterpreterStatus::kLeased) failure = 2;
    own.Release();
    if (DestroyInterpreter(*runtime, id) != InterpreterStatus::kOk) failure = 3;
    _exit(failure);
  }
  int wait_status = 0;
  ASSERT_EQ(waitpid(pid, &wait_status, 0), pid);
  EXPECT_TRUE(WIFEXITED(wait_status));
  EXPECT_EQ(WEXITSTATUS(wait_status), 0);
  EXPECT_EQ(LeaseCount(*own), 2u) << "nothing changed in the parent";
  meet.arrive_and_wait();
  holder.join();
}

TEST(LeaseTest, DestroyNeedsNoMemory) {
  std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
  const uint64_t id = NewInterpreterId(*runtime);
  const FaultHook before = SetFaultHook([](const char*) { return true; });
  const InterpreterStatus status = DestroyInterpreter(*runtime, id);
  SetFaultHook(before);
  EXPECT_EQ(status, InterpreterStatus::kOk);
  EXPECT_EQ(runtime->interpreter_count(), 1u);
}

}  // namespace
}  // namespace rt
