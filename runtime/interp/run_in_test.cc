// Running in another interpreter: where, how it ends, and who is refused.

#include "runtime/interp/run_in.h"

#include <atomic>
#include <barrier>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/fault_point.h"
#include "runtime/base/sanitizer.h"
#include "runtime/interp/interp_testing.h"

namespace rt {
namespace {

TEST(RunInTest, CallsThereAndComesBack) {
  World world;
  const uint64_t other = world.NewInterpreter();
  ScopedThreadState main(world.main());
  uint64_t seen = 0;
  const RunResult result = RunIn(*world.runtime, other, [&](ThreadState& thread) {
    seen = thread.interpreter->id();
    EXPECT_EQ(CurrentThreadState(), &thread);
    EXPECT_EQ(DestroyInterpreter(*world.runtime, other), InterpreterStatus::kLeased);
    Decref(thread, AsObject(NumberNew(thread, 1000)));
    // And back again, from inside.
    EXPECT_TRUE(RunIn(*world.runtime, world.main().id(), [](ThreadState&) {}).ok());
    EXPECT_EQ(CurrentThreadState(), &thread);
  });
  EXPECT_TRUE(result.ok());
  EXPECT_TRUE(result.called);
  EXPECT_EQ(seen, other);
  EXPECT_EQ(CurrentThreadState(), main.get());
  EXPECT_EQ(DestroyInterpreter(*world.runtime, other), InterpreterStatus::kOk);
  EXPECT_EQ(RunIn(*world.runtime, other, [](ThreadState&) {}).status, InterpreterStatus::kNotFound);
  EXPECT_EQ(CurrentThreadState(), main.get());
}

TEST(RunInTest, AFormerThreadStateThatWasShutDownIsReported) {
  World world;
  const uint64_t other = world.NewInterpreter();
  ThreadState* const former = NewThreadState(world.main());
  ASSERT_TRUE(Attach(*former));
  const RunResult result = RunIn(*world.runtime, other, [&](ThreadState& thread) {
    std::thread([&] { EXPECT_TRUE(world.main().Finalize()); }).join();
    EXPECT_TRUE(SafePoint(thread));
  });
  EXPECT_EQ(result.status, InterpreterStatus::kOk);
  EXPECT_FALSE(result.returned);
  EXPECT_EQ(CurrentThreadState(), nullptr);
  ReleaseThreadState(former);
}

TEST(RunInTest, FinalizationDuringTheCallIsReported) {
  World world;
  const uint64_t other = world.NewInterpreter();
  std::barrier meet(2);
  std::thread worker([&] {
    const RunResult result = RunIn(*world.runtime, other, [&](ThreadState& thread) {
      meet.arrive_and_wait();
      while (SafePoint(thread)) {
      }
    });
    EXPECT_EQ(result.status, InterpreterStatus::kShutDown);
    EXPECT_TRUE(result.called);
    EXPECT_TRUE(result.returned);
    EXPECT_EQ(CurrentThreadState(), nullptr);
    EXPECT_EQ(RunIn(*world.runtime, other, [](ThreadState&) {}).status,
              InterpreterStatus::kFinalizing);
  });
  meet.arrive_and_wait();
  ASSERT_TRUE(world.runtime->Finalize());
  worker.join();
}

std::atomic<int> allocations_until_failure = -1;

TEST(RunInTest, EveryAllocationFailsOnce) {
  World world;
  const uint64_t other = world.NewInterpreter();
  ScopedThreadState main(world.main());
  int failure_count = 0;
  for (int n = 0;; ++n) {
    ASSERT_LT(n, 100);
    const FaultHook before =
        SetFaultHook([](const char*) { return allocations_until_failure.fetch_sub(1) == 0; });
    allocations_until_failure = n;
    const RunResult result = RunIn(*world.runtime, other, [](ThreadState&) {});
    const bool fired = allocations_until_failure.load() < 0;
    SetFaultHook(before);
    EXPECT_EQ(CurrentThreadState(), main.get());
    EXPECT_TRUE(result.returned);
    if (!result.called) {
      EXPECT_EQ(result.status, InterpreterStatus::kOutOfMemory);
      ++failure_count;
    }
    if (!fired) break;
  }
  EXPECT_GE(failure_count, 3);
  EXPECT_EQ(DestroyInterpreter(*world.runtime, other), InterpreterStatus::kOk);
}

// gh-127041: runners and a destroyer of one id. Who is called works in a whole
// interpreter; who is not called is told why.
TEST(RunInTest, RunAndDestroyRace) {
  constexpr int kRounds = (kAddressSanitizer || kThreadSanitizer) ? 40 : 200;
  World world;
  std::atomic<int> called_count = 0;
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t id = world.NewInterpreter();
    std::barrier meet(4);
    std::vector<std::thread> threads;
    for (int w = 0; w < 3; ++w) {
      threads.emplace_back([&] {
        meet.arrive_and_wait();
        // Not for ever: runners without a pause leave the destroyer no gap.
        for (int run = 0; run < 8; ++run) {
          const RunResult result = RunIn(*world.runtime, id, [&](ThreadState& thread) {
            Decref(thread, AsObject(NumberNew(thread, 1 << 20)));
            ++called_count;
          });
          EXPECT_EQ(result.called, result.status == InterpreterStatus::kOk);
          if (result.status == InterpreterStatus::kNotFound) return;
        }
      });
    }
    meet.arrive_and_wait();
    while (DestroyInterpreter(*world.runtime, id) != InterpreterStatus::kOk) {
      std::this_thread::yield();
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_GT(called_count, 0);
  EXPECT_EQ(world.runtime->interpreter_count(), 1u);
}

}  // namespace
}  // namespace rt
