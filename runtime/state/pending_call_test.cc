// Pending calls: each runs once, in its interpreter, or is refused.

#include "runtime/state/pending_call.h"

#include <atomic>
#include <barrier>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/sanitizer.h"
#include "runtime/state/extension.h"
#include "runtime/state/lease.h"
#include "runtime/state/state_testing.h"

namespace rt {
namespace {

struct CountedCall : PendingCall {
  CountedCall() {
    run = [](PendingCall* call, ThreadState& thread) {
      auto* const self = static_cast<CountedCall*>(call);
      self->interpreter_id = thread.interpreter->id();
      EXPECT_EQ(CurrentThreadState(), &thread);
      ++self->run_count;
    };
  }
  std::atomic<int> run_count = 0;
  uint64_t interpreter_id = 0;
};

TEST(PendingCallTest, RunsAtTheNextSafePointOfItsInterpreter) {
  std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
  Interpreter& home = *runtime->main_interpreter();
  ScopedThreadState main(home);
  CountedCall calls[400];  // More than any ring: gh-109556.
  std::thread([&] {
    for (CountedCall& call : calls) EXPECT_TRUE(PostPendingCall(*runtime, home.id(), &call));
  }).join();
  EXPECT_EQ(PendingCallCount(home), 400u);
  home.CheckInvariantsWorldStopped(*main);
  EXPECT_EQ(calls[0].run_count, 0);
  ASSERT_TRUE(SafePoint(*main));
  for (const CountedCall& call : calls) {
    EXPECT_EQ(call.run_count, 1);
    EXPECT_EQ(call.interpreter_id, home.id());
  }
  EXPECT_EQ(PendingCallCount(home), 0u);
}

TEST(PendingCallTest, AThreadThatComesLaterRunsThem) {
  std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
  Interpreter* const other = Interpreter::Create(*runtime);
  CountedCall call;
  ASSERT_TRUE(PostPendingCall(*runtime, other->id(), &call));
  ScopedThreadState thread(*other);
  ASSERT_TRUE(SafePoint(*thread));
  EXPECT_EQ(call.run_count, 1);
}

TEST(PendingCallTest, TheEndOfTheInterpreterRunsThemAndThenRefuses) {
  std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
  const uint64_t id = Interpreter::Create(*runtime)->id();
  CountedCall call;
  ASSERT_TRUE(PostPendingCall(*runtime, id, &call));
  ASSERT_EQ(DestroyInterpreter(*runtime, id), InterpreterStatus::kOk);
  EXPECT_EQ(call.run_count, 1);
  EXPECT_EQ(call.interpreter_id, id);
  CountedCall late;
  EXPECT_FALSE(PostPendingCall(*runtime, id, &late));
  EXPECT_EQ(late.run_count, 0);
}

// Posters and an interpreter that comes and goes: what was accepted has run by the
// end, what was refused has not.
TEST(PendingCallTest, PostsRaceWithTheEnd) {
  constexpr int kRounds = (kAddressSanitizer || kThreadSanitizer) ? 30 : 150;
  std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
  for (int round = 0; round < kRounds; ++round) {
    Interpreter* const interpreter = Interpreter::Create(*runtime);
    const uint64_t id = interpreter->id();
    constexpr int kPosters = 2;
    constexpr int kCalls = 64;
    std::vector<CountedCall> calls(kPosters * kCalls);
    std::vector<char> accepted(calls.size());
    std::barrier meet(kPosters + 2);
    std::vector<std::thread> threads;
    for (int w = 0; w < kPosters; ++w) {
      threads.emplace_back([&, w] {
        meet.arrive_and_wait();
        for (size_t i = static_cast<size_t>(w) * kCalls; i < (static_cast<size_t>(w) + 1) * kCalls;
             ++i) {
          accepted[i] = PostPendingCall(*runtime, id, &calls[i]) ? 1 : 0;
        }
      });
    }
    threads.emplace_back([&] {
      meet.arrive_and_wait();
      ScopedThreadState worker(*interpreter);
      for (int i = 0; i < 20; ++i) {
        if (!SafePoint(*worker)) ADD_FAILURE();
      }
    });
    meet.arrive_and_wait();
    threads.back().join();
    while (DestroyInterpreter(*runtime, id) != InterpreterStatus::kOk) std::this_thread::yield();
    for (int w = 0; w < kPosters; ++w) threads[static_cast<size_t>(w)].join();
    for (size_t i = 0; i < calls.size(); ++i) {
      ASSERT_EQ(calls[i].run_count, accepted[i]) << "call " << i << " of round " << round;
    }
  }
}

// A thread that clears its bit while the post is under way must see the call: no
// other thread is there to run it, and the next post waits for this one. A matter of
// chance: with the count behind the bits one run in three hangs.
TEST(PendingCallTest, APostIsNotMissedByWhoLooksMeanwhile) {
  constexpr int kCalls = (kAddressSanitizer || kThreadSanitizer) ? 2'000 : 40'000;
  struct Call : PendingCall {
    std::atomic<int> run_count = 0;
  };
  std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
  const uint64_t id = runtime->main_interpreter()->id();
  std::vector<Call> calls(kCalls);
  std::atomic<bool> done = false;
  std::thread poster([&] {
    for (Call& call : calls) {
      call.run = [](PendingCall* self, ThreadState&) { ++static_cast<Call*>(self)->run_count; };
      EXPECT_TRUE(PostPendingCall(*runtime, id, &call));
      while (call.run_count == 0) std::this_thread::yield();
    }
    done = true;
  });
  {
    ScopedThreadState worker(*runtime->main_interpreter());
    while (!done) {
      for (int look = 0; look < 64; ++look) ASSERT_TRUE(SafePoint(*worker));
      // The poster may have no processor of its own.
      std::this_thread::yield();
    }
  }
  poster.join();
  for (const Call& call : calls) ASSERT_EQ(call.run_count, 1);
}

TEST(ExtensionTest, IsToldInOrder) {
  std::vector<std::string> told;
  RuntimeExtension extension;
  extension.context = &told;
  extension.finalizing = [](void* context, Interpreter* interpreter, ThreadState* caller) {
    EXPECT_NE(caller, nullptr);
    static_cast<std::vector<std::string>*>(context)->push_back(
        interpreter == nullptr ? "runtime finalizing" : "finalizing");
  };
  extension.interpreter_ending = [](void* context, Interpreter& interpreter, ThreadState& caller) {
    EXPECT_EQ(caller.interpreter, &interpreter);
    EXPECT_EQ(CurrentThreadState(), &caller);
    static_cast<std::vector<std::string>*>(context)->push_back("ending");
  };
  {
    std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
    AddRuntimeExtension(*runtime, &extension);
    const uint64_t id = Interpreter::Create(*runtime)->id();
    ASSERT_EQ(DestroyInterpreter(*runtime, id), InterpreterStatus::kOk);
    ASSERT_TRUE(runtime->Finalize());
    RemoveRuntimeExtension(*runtime, &extension);
  }
  EXPECT_EQ(told, (std::vector<std::string>{"finalizing", "ending", "runtime finalizing"}));
}

}  // namespace
}  // namespace rt
