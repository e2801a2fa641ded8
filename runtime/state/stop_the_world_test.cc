#include "runtime/state/stop_the_world.h"

#include <atomic>
#include <barrier>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/sanitizer.h"
#include "runtime/state/state_testing.h"

namespace rt {
namespace {

// Sanitizers make a stop some ten times slower.
constexpr int kScale = (kAddressSanitizer || kThreadSanitizer) ? 1 : 5;

class StopTheWorldTest : public testing::Test {
 protected:
  std::unique_ptr<Runtime> runtime_ = MakeCheckedRuntime();
  Interpreter& interpreter_ = *runtime_->main_interpreter();
};

// Written by workers without any synchronisation, read in a stopped world: a
// thread that runs on is a wrong value here and a race for ThreadSanitizer.
struct PlainCell {
  alignas(64) int64_t value = 0;
};

TEST_F(StopTheWorldTest, NobodyElseRunsBetweenStopAndStart) {
  constexpr int kThreads = 4;
  constexpr int kStops = 100 * kScale;
  PlainCell cells[kThreads];
  std::atomic<bool> done = false;
  std::vector<std::thread> workers;
  for (PlainCell& cell : cells) {
    workers.emplace_back([&] {
      ScopedThreadState thread(interpreter_);
      while (!done.load()) {
        ++cell.value;
        ++cell.value;
        ASSERT_TRUE(SafePoint(*thread));
      }
    });
  }
  ScopedThreadState main(interpreter_);
  for (int stop = 0; stop < kStops; ++stop) {
    ASSERT_TRUE(StopTheWorld(*main, StopScope::kInterpreter));
    EXPECT_TRUE(IsWorldStoppedBy(*main));
    int64_t first = 0;
    int64_t second = 0;
    for (PlainCell& cell : cells) first += cell.value;
    for (PlainCell& cell : cells) second += cell.value;
    EXPECT_EQ(first, second);
    for (PlainCell& cell : cells) EXPECT_EQ(cell.value % 2, 0);
    StartTheWorld(*main);
    EXPECT_FALSE(IsWorldStoppedBy(*main));
  }
  done = true;
  Detach(*main);
  for (std::thread& worker : workers) worker.join();
  ASSERT_TRUE(Attach(*main));
}

// Back-to-back stops: each start attaches who waits, so each worker runs to a
// safe point between any two stops that saw it waiting.
TEST_F(StopTheWorldTest, BackToBackStopsDoNotStarveWaitingThreads) {
  constexpr int kThreads = 3;
  constexpr int kStops = 200 * kScale;
  PlainCell attached[kThreads];
  std::atomic<bool> done = false;
  std::barrier meet(kThreads + 1);
  std::vector<std::thread> workers;
  for (PlainCell& cell : attached) {
    workers.emplace_back([&] {
      ThreadState* const thread = NewThreadState(interpreter_);
      ASSERT_TRUE(Attach(*thread));
      meet.arrive_and_wait();
      while (!done.load()) {
        ++cell.value;
        Detach(*thread);
        ASSERT_TRUE(Attach(*thread));
      }
      ClearThreadState(*thread, *thread);
      DeleteThreadState(*thread, *thread);
    });
  }
  ScopedThreadState main(interpreter_);
  Detach(*main);
  meet.arrive_and_wait();
  ASSERT_TRUE(Attach(*main));
  // If all of them waited in one stop, all have moved on in the next: the wait
  // was ended by the start in between.
  int64_t seen[kThreads] = {};
  bool all_waited = false;
  int waits_count = 0;
  // More when the threads have not had their turn yet.
  for (int stop = 0; stop < kStops || waits_count == 0; ++stop) {
    ASSERT_TRUE(StopTheWorld(*main, StopScope::kInterpreter));
    for (int w = 0; w < kThreads; ++w) {
      if (all_waited) {
        EXPECT_GT(attached[w].value, seen[w]) << "starved in stop " << stop;
      }
      seen[w] = attached[w].value;
    }
    ThreadReading readings[kThreads + 1];
    ASSERT_EQ(interpreter_.ReadThreads(readings), kThreads + 1u);
    int waiting_count = 0;
    for (const ThreadReading& reading : readings) {
      waiting_count += reading.status == static_cast<uint32_t>(ThreadStatus::kSuspendedWaiting);
    }
    all_waited = waiting_count == kThreads;
    waits_count += all_waited;
    StartTheWorld(*main);
  }
  RecordProperty("stops_with_all_waiting", waits_count);
  done = true;
  Detach(*main);
  for (std::thread& worker : workers) worker.join();
  ASSERT_TRUE(Attach(*main));
}

// The bound that the fair start promises: who waits is attached by the next
// start, so at most one more stop can begin before it has run.
TEST_F(StopTheWorldTest, AWaitingThreadIsAttachedByTheVeryNextStart) {
  ThreadState* waiter_state = NewThreadState(interpreter_);
  ScopedThreadState main(interpreter_);
  for (int round = 0; round < 40 * kScale; ++round) {
    ASSERT_TRUE(StopTheWorld(*main, StopScope::kInterpreter));
    std::atomic<bool> ran = false;
    std::thread waiter([&] {
      ASSERT_TRUE(Attach(*waiter_state));
      ran.store(true);
      Detach(*waiter_state);
    });
    // It has nothing else to do than to wait for us.
    while (StatusOf(*waiter_state) != ThreadStatus::kSuspendedWaiting) {
      std::this_thread::yield();
    }
    StartTheWorld(*main);
    ASSERT_TRUE(StopTheWorld(*main, StopScope::kInterpreter));
    EXPECT_TRUE(ran.load()) << "a second stop overtook the waiting thread";
    StartTheWorld(*main);
    waiter.join();
  }
  ClearThreadState(*main, *waiter_state);
  DeleteThreadState(*main, *waiter_state);
  ReleaseThreadState(waiter_state);
}

TEST_F(StopTheWorldTest, ChurnBesideStopsOfSeveralRequesters) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 40 * kScale;
  ScopedThreadState main(interpreter_);
  const BalanceSnapshot start = RestingBalance(*main);
  Detach(*main);
  PlainCell stopped;
  std::vector<std::thread> workers;
  for (int w = 0; w < kThreads; ++w) {
    workers.emplace_back([&, w] {
      for (int round = 0; round < kRounds; ++round) {
        ScopedThreadState thread(interpreter_);
        Decref(*thread, AsObject(MakeList(*thread, 5)));
        ASSERT_TRUE(SafePoint(*thread));
        Detach(*thread);
        ASSERT_TRUE(Attach(*thread));
        if (round % kThreads != w) continue;
        ASSERT_TRUE(
            StopTheWorld(*thread, round % 3 == 0 ? StopScope::kRuntime : StopScope::kInterpreter));
        ++stopped.value;
        StartTheWorld(*thread);
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  ASSERT_TRUE(Attach(*main));
  EXPECT_EQ(stopped.value, kRounds);
  ExpectSameBalance(start, RestingBalance(*main));
}

TEST_F(StopTheWorldTest, StopsOfTwoInterpretersOverlap) {
  Interpreter* const second = Interpreter::Create(*runtime_);
  ScopedThreadState main(interpreter_);
  ASSERT_TRUE(StopTheWorld(*main, StopScope::kInterpreter));
  // Would never return if stops excluded each other.
  std::thread([&] {
    ScopedThreadState other(*second);
    ASSERT_TRUE(StopTheWorld(*other, StopScope::kInterpreter));
    EXPECT_TRUE(IsWorldStoppedBy(*main));
    StartTheWorld(*other);
  }).join();
  StartTheWorld(*main);
}

TEST_F(StopTheWorldTest, AStopOfTheRuntimeStopsEveryInterpreter) {
  constexpr int kRounds = 50 * kScale;
  Interpreter* const second = Interpreter::Create(*runtime_);
  PlainCell cells[2];
  std::atomic<bool> done = false;
  std::vector<std::thread> workers;
  for (int w = 0; w < 2; ++w) {
    workers.emplace_back([&, w] {
      ScopedThreadState thread(w == 0 ? interpreter_ : *second);
      while (!done.load()) {
        ++cells[w].value;
        ++cells[w].value;
        ASSERT_TRUE(SafePoint(*thread));
      }
    });
  }
  ScopedThreadState main(interpreter_);
  for (int round = 0; round < kRounds; ++round) {
    ASSERT_TRUE(StopTheWorld(*main, StopScope::kRuntime));
    for (PlainCell& cell : cells) EXPECT_EQ(cell.value % 2, 0);
    StartTheWorld(*main);
  }
  done = true;
  Detach(*main);
  for (std::thread& worker : workers) worker.join();
  ASSERT_TRUE(Attach(*main));
}

TEST_F(StopTheWorldTest, AThreadStateMadeDuringAStopIsBornSuspended) {
  ScopedThreadState main(interpreter_);
  ASSERT_TRUE(StopTheWorld(*main, StopScope::kInterpreter));
  ThreadState* const born = NewThreadState(interpreter_);
  ASSERT_NE(born, nullptr);
  EXPECT_EQ(StatusOf(*born), ThreadStatus::kSuspended);
  interpreter_.CheckInvariantsWorldStopped(*main);
  StartTheWorld(*main);
  EXPECT_EQ(StatusOf(*born), ThreadStatus::kDetached);
  ClearThreadState(*main, *born);
  DeleteThreadState(*main, *born);
  ReleaseThreadState(born);
}

TEST_F(StopTheWorldTest, WaitingForATurnAnswersTheStopOfAnother) {
  // Two requesters at once, again and again: each waits for its turn detached.
  constexpr int kRounds = 200 * kScale;
  PlainCell stopped;
  std::vector<std::thread> workers;
  for (int w = 0; w < 2; ++w) {
    workers.emplace_back([&] {
      ScopedThreadState thread(interpreter_);
      for (int round = 0; round < kRounds; ++round) {
        ASSERT_TRUE(StopTheWorld(*thread, StopScope::kInterpreter));
        ++stopped.value;
        StartTheWorld(*thread);
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(stopped.value, 2 * kRounds);
}

}  // namespace
}  // namespace rt
