// Queues: order and bounds against a simple reference, waiting, closing, the end of an
// interpreter, finalization and fork.

#include "runtime/interp/queue.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/interp/interp_testing.h"

namespace rt {
namespace {

constexpr int64_t kMillisecond = 1'000'000;

uint64_t NewQueue(World& world, const QueueConfig& config) {
  uint64_t id = 0;
  EXPECT_EQ(CreateQueue(*world.exchange, config, &id), ExchangeStatus::kOk);
  return id;
}

ExchangeStatus PutInteger(World& world, ThreadState& thread, uint64_t id, int64_t value,
                          int64_t timeout_ns) {
  CrossData data = CrossData::MakeInteger(*world.exchange, thread, value);
  const ExchangeStatus status = PutInQueue(*world.exchange, thread, id, data, timeout_ns);
  EXPECT_EQ(!data, status == ExchangeStatus::kOk) << "taken or kept";
  return status;
}

void AwaitWaiters(World& world, int64_t count) {
  while (world.exchange->Read().waiter_count < count) std::this_thread::yield();
}

// Puts, gets, closes and ends of interpreters at random, against a deque that does the
// same: every status, every value and every origin agree.
TEST(QueueTest, BehavesAsTheModel) {
  struct Item {
    int64_t value;
    uint64_t origin;
  };
  for (uint32_t seed = 1; seed <= 12; ++seed) {
    World world;
    {
      std::mt19937 random(seed);
      const QueueConfig config = {
          .capacity = seed % 3 == 0 ? 0 : static_cast<int64_t>(seed),
          .orphans = seed % 2 == 0 ? OrphanPolicy::kKeep : OrphanPolicy::kDrop};
      const uint64_t id = NewQueue(world, config);
      std::vector<uint64_t> interpreters = {world.NewInterpreter(), world.NewInterpreter()};
      std::deque<Item> model;
      ScopedThreadState main(world.main());
      for (int64_t step = 0; step < 400; ++step) {
        const size_t pick = random() % 2;
        const uint32_t action = random() % 16;
        if (action == 0) {
          const uint64_t gone = interpreters[pick];
          ASSERT_EQ(DestroyInterpreter(*world.runtime, gone), InterpreterStatus::kOk);
          interpreters[pick] = world.NewInterpreter();
          std::deque<Item> left;
          for (Item item : model) {
            if (item.origin == gone && config.orphans == OrphanPolicy::kDrop) continue;
            if (item.origin == gone) item.origin = kNoOrigin;
            left.push_back(item);
          }
          model = left;
        } else if (action < 9) {
          const bool has_room =
              config.capacity == 0 || static_cast<int64_t>(model.size()) < config.capacity;
          ASSERT_TRUE(RunIn(*world.runtime, interpreters[pick], [&](ThreadState& thread) {
                        EXPECT_EQ(PutInteger(world, thread, id, step, 0),
                                  has_room ? ExchangeStatus::kOk : ExchangeStatus::kTimedOut);
                      }).ok());
          if (has_room) model.push_back({step, interpreters[pick]});
        } else {
          CrossData out;
          const ExchangeStatus status = GetFromQueue(*world.exchange, *main, id, &out, 0);
          ASSERT_EQ(status, model.empty() ? ExchangeStatus::kTimedOut : ExchangeStatus::kOk);
          if (status != ExchangeStatus::kOk) continue;
          EXPECT_EQ(out.integer(), model.front().value);
          EXPECT_EQ(out.origin_id(), model.front().origin);
          model.pop_front();
        }
        ASSERT_EQ(QueueLength(*world.exchange, id), static_cast<int64_t>(model.size()));
        world.exchange->CheckInvariantsWorldStopped();
      }
      EXPECT_EQ(CloseQueue(*world.exchange, id), ExchangeStatus::kOk);
      EXPECT_EQ(CloseQueue(*world.exchange, id), ExchangeStatus::kClosed);
      EXPECT_EQ(PutInteger(world, *main, id, 0, kWaitForEver), ExchangeStatus::kClosed);
      CrossData out;
      for (const Item& item : model) {
        ASSERT_EQ(GetFromQueue(*world.exchange, *main, id, &out, 0), ExchangeStatus::kOk);
        EXPECT_EQ(out.integer(), item.value);
      }
      EXPECT_EQ(GetFromQueue(*world.exchange, *main, id, &out, kWaitForEver),
                ExchangeStatus::kClosed);
      EXPECT_EQ(DestroyQueue(*world.exchange, id), ExchangeStatus::kOk);
      EXPECT_EQ(GetFromQueue(*world.exchange, *main, id, &out, 0), ExchangeStatus::kNotFound);
      for (const uint64_t each : interpreters) {
        EXPECT_EQ(DestroyInterpreter(*world.runtime, each), InterpreterStatus::kOk);
      }
    }
    world.ExpectNothingLeft();
  }
}

// gh-146427: the end of an interpreter takes the tail out; the next put goes on.
TEST(QueueTest, PutAfterTheTailWasDropped) {
  World world;
  const uint64_t id = NewQueue(world, {.orphans = OrphanPolicy::kDrop});
  const uint64_t other = world.NewInterpreter();
  {
    ScopedThreadState main(world.main());
    ASSERT_EQ(PutInteger(world, *main, id, 1, 0), ExchangeStatus::kOk);
    ASSERT_TRUE(RunIn(*world.runtime, other, [&](ThreadState& thread) {
                  EXPECT_EQ(PutInteger(world, thread, id, 2, 0), ExchangeStatus::kOk);
                }).ok());
    ASSERT_EQ(DestroyInterpreter(*world.runtime, other), InterpreterStatus::kOk);
    world.exchange->CheckInvariantsWorldStopped();
    ASSERT_EQ(PutInteger(world, *main, id, 3, 0), ExchangeStatus::kOk);
    CrossData out;
    ASSERT_EQ(GetFromQueue(*world.exchange, *main, id, &out, 0), ExchangeStatus::kOk);
    EXPECT_EQ(out.integer(), 1);
    ASSERT_EQ(GetFromQueue(*world.exchange, *main, id, &out, 0), ExchangeStatus::kOk);
    EXPECT_EQ(out.integer(), 3);
  }
  world.ExpectNothingLeft();
}

TEST(QueueTest, AnOrphanThatIsPutNamesNobody) {
  World world;
  const uint64_t id = NewQueue(world, {});
  const uint64_t other = world.NewInterpreter();
  ScopedThreadState main(world.main());
  CrossData data;
  ASSERT_TRUE(RunIn(*world.runtime, other, [&](ThreadState& thread) {
                data = CrossData::MakeBytes(*world.exchange, thread, "left behind");
              }).ok());
  ASSERT_EQ(DestroyInterpreter(*world.runtime, other), InterpreterStatus::kOk);
  ASSERT_EQ(PutInQueue(*world.exchange, *main, id, data, 0), ExchangeStatus::kOk);
  EXPECT_EQ(PutInQueue(*world.exchange, *main, id, data, 0), ExchangeStatus::kEmptyHanded);
  world.exchange->CheckInvariantsWorldStopped();
  ASSERT_EQ(GetFromQueue(*world.exchange, *main, id, &data, 0), ExchangeStatus::kOk);
  EXPECT_EQ(data.bytes(), "left behind");
  EXPECT_EQ(data.origin_id(), kNoOrigin);
}

// An object leaves its queue with its interpreter, whatever the policy.
TEST(QueueTest, AnObjectDoesNotOutliveItsInterpreter) {
  World world;
  const uint64_t id = NewQueue(world, {.orphans = OrphanPolicy::kKeep});
  const uint64_t other = world.NewInterpreter();
  ASSERT_TRUE(RunIn(*world.runtime, other, [&](ThreadState& thread) {
                for (int64_t value : {1LL << 30, 1LL << 31}) {
                  Number* const number = NumberNew(thread, value);
                  ASSERT_TRUE(MakeImmortal(thread, AsObject(number)));
                  CrossData data = CrossData::MakeObject(*world.exchange, thread, AsObject(number));
                  ASSERT_EQ(PutInQueue(*world.exchange, thread, id, data, 0), ExchangeStatus::kOk);
                }
              }).ok());
  ScopedThreadState main(world.main());
  CrossData out;
  ASSERT_EQ(GetFromQueue(*world.exchange, *main, id, &out, 0), ExchangeStatus::kOk);
  EXPECT_EQ(DestroyInterpreter(*world.runtime, other), InterpreterStatus::kLeased);
  out.Release();
  EXPECT_EQ(DestroyInterpreter(*world.runtime, other), InterpreterStatus::kOk);
  EXPECT_EQ(GetFromQueue(*world.exchange, *main, id, &out, 0), ExchangeStatus::kTimedOut);
  world.ExpectNothingLeft();
}

TEST(QueueTest, WaitersDetachAndAreWoken) {
  World world;
  const uint64_t id = NewQueue(world, {.capacity = 1});
  std::thread getter([&] {
    ScopedThreadState thread(world.main());
    CrossData out;
    for (int64_t i = 0; i < 50; ++i) {
      ASSERT_EQ(GetFromQueue(*world.exchange, *thread, id, &out, kWaitForEver),
                ExchangeStatus::kOk);
      EXPECT_EQ(out.integer(), i);
    }
  });
  {
    ScopedThreadState main(world.main());
    AwaitWaiters(world, 1);
    // The waiter holds up no stop.
    BalanceSnapshot snapshot;
    ASSERT_TRUE(world.main().Snapshot(*main, &snapshot));
    for (int64_t i = 0; i < 50; ++i) {
      ASSERT_EQ(PutInteger(world, *main, id, i, kWaitForEver), ExchangeStatus::kOk);
    }
    Detach(*main);
    getter.join();
    ASSERT_TRUE(Attach(*main));
    EXPECT_TRUE(world.main().Quiesce(*main));
  }
  world.ExpectNothingLeft();
}

TEST(QueueTest, TimeoutsAreKept) {
  World world;
  const uint64_t id = NewQueue(world, {.capacity = 1});
  ScopedThreadState main(world.main());
  CrossData out;
  EXPECT_EQ(GetFromQueue(*world.exchange, *main, id, &out, 2 * kMillisecond),
            ExchangeStatus::kTimedOut);
  ASSERT_EQ(PutInteger(world, *main, id, 1, 0), ExchangeStatus::kOk);
  EXPECT_EQ(PutInteger(world, *main, id, 2, 2 * kMillisecond), ExchangeStatus::kTimedOut);
  EXPECT_EQ(CurrentThreadState(), main.get());
  EXPECT_EQ(world.exchange->Read().waiter_count, 0);
}

TEST(QueueTest, DestroyingAQueueSendsItsWaitersAway) {
  World world;
  const uint64_t id = NewQueue(world, {});
  std::vector<std::thread> getters;
  for (int w = 0; w < 3; ++w) {
    getters.emplace_back([&] {
      ScopedThreadState thread(world.main());
      CrossData out;
      EXPECT_EQ(GetFromQueue(*world.exchange, *thread, id, &out, kWaitForEver),
                ExchangeStatus::kNotFound);
    });
  }
  AwaitWaiters(world, 3);
  EXPECT_EQ(DestroyQueue(*world.exchange, id), ExchangeStatus::kOk);
  world.exchange->CheckInvariantsWorldStopped();
  for (std::thread& getter : getters) getter.join();
  world.ExpectNothingLeft();
}

// Of an interpreter, of the runtime: waiters are refused, the others go on; then the
// exchange and the runtime go while refused threads may still be on their way out.
TEST(QueueTest, FinalizationRefusesWaiters) {
  for (int round = 0; round < 20; ++round) {
    World world;
    const uint64_t id = NewQueue(world, {});
    Interpreter* const other = Interpreter::Create(*world.runtime);
    std::atomic<int> shut_down_count = 0;
    std::vector<std::thread> getters;
    for (Interpreter* const home : {other, other, &world.main()}) {
      getters.emplace_back([&, home] {
        ThreadState* const thread = NewThreadState(*home);
        ASSERT_TRUE(Attach(*thread));
        CrossData out;
        EXPECT_EQ(GetFromQueue(*world.exchange, *thread, id, &out, kWaitForEver),
                  ExchangeStatus::kShutDown);
        EXPECT_EQ(CurrentThreadState(), nullptr);
        ++shut_down_count;
        ReleaseThreadState(thread);
      });
    }
    AwaitWaiters(world, 3);
    ASSERT_TRUE(other->Finalize());
    getters[0].join();
    getters[1].join();
    EXPECT_EQ(shut_down_count, 2);
    ASSERT_TRUE(world.runtime->Finalize());
    {
      uint64_t late = 0;
      EXPECT_EQ(CreateQueue(*world.exchange, {}, &late), ExchangeStatus::kFinalizing);
    }
    world.exchange.reset();
    world.runtime.reset();
    getters[2].join();
    EXPECT_EQ(shut_down_count, 3);
  }
}

// What is in a queue when the runtime is finalized is released at home.
TEST(QueueTest, FinalizationEmptiesQueues) {
  World world;
  const uint64_t id = NewQueue(world, {});
  const uint64_t other = world.NewInterpreter();
  ASSERT_TRUE(RunIn(*world.runtime, other, [&](ThreadState& thread) {
                for (int i = 0; i < 10; ++i) {
                  EXPECT_EQ(PutInteger(world, thread, id, i, 0), ExchangeStatus::kOk);
                }
              }).ok());
  {
    ScopedThreadState main(world.main());
    ASSERT_TRUE(world.runtime->Finalize());
  }
  EXPECT_EQ(world.exchange->Read().queued_count, 0);
  EXPECT_EQ(DestroyInterpreter(*world.runtime, other), InterpreterStatus::kOk);
  EXPECT_EQ(world.exchange->Read().released_home_count, 10);
  world.ExpectNothingLeft();
}

TEST(QueueTest, AForkedChildHasTheDataAndNoWaiters) {
  World world;
  const uint64_t full = NewQueue(world, {.capacity = 2});
  const uint64_t empty = NewQueue(world, {});
  const uint64_t other = world.NewInterpreter();
  std::vector<std::thread> waiters;
  for (int w = 0; w < 2; ++w) {
    waiters.emplace_back([&] {
      ScopedThreadState thread(world.main());
      CrossData out;
      EXPECT_EQ(GetFromQueue(*world.exchange, *thread, empty, &out, kWaitForEver),
                ExchangeStatus::kNotFound);
    });
  }
  ScopedThreadState main(world.main());
  ASSERT_TRUE(RunIn(*world.runtime, other, [&](ThreadState& thread) {
                EXPECT_EQ(PutInteger(world, thread, full, 5, 0), ExchangeStatus::kOk);
              }).ok());
  ASSERT_EQ(PutInteger(world, *main, full, 6, 0), ExchangeStatus::kOk);
  Detach(*main);  // Waiting for them must not hold up their attaching.
  AwaitWaiters(world, 2);
  ASSERT_TRUE(Attach(*main));
  const pid_t pid = Fork(*main);
  if (pid == 0) {
    world.exchange->CheckInvariantsWorldStopped();
    int failure = world.exchange->Read().waiter_count == 0 ? 0 : 1;
    CrossData out;
    if (GetFromQueue(*world.exchange, *main, full, &out, 0) != ExchangeStatus::kOk ||
        out.integer() != 5) {
      failure = 2;
    }
    out.Release();
    if (PutInteger(world, *main, empty, 7, 0) != ExchangeStatus::kOk) failure = 3;
    if (DestroyQueue(*world.exchange, full) != ExchangeStatus::kOk) failure = 4;
    if (DestroyQueue(*world.exchange, empty) != ExchangeStatus::kOk) failure = 5;
    if (DestroyInterpreter(*world.runtime, other) != InterpreterStatus::kOk) failure = 6;
    if (world.exchange->Read().live_count != 0) failure = 7;
    _exit(failure);
  }
  int wait_status = 0;
  ASSERT_EQ(waitpid(pid, &wait_status, 0), pid);
  EXPECT_TRUE(WIFEXITED(wait_status));
  EXPECT_EQ(WEXITSTATUS(wait_status), 0);
  EXPECT_EQ(world.exchange->Read().waiter_count, 2);
  EXPECT_EQ(DestroyQueue(*world.exchange, empty), ExchangeStatus::kOk);
  Detach(*main);
  for (std::thread& waiter : waiters) waiter.join();
  ASSERT_TRUE(Attach(*main));
}

TEST(QueueTest, EveryStatusHasAText) {
  for (int i = 0; i <= static_cast<int>(ExchangeStatus::kShutDown); ++i) {
    EXPECT_STRNE(TextOf(static_cast<ExchangeStatus>(i)), "unknown") << i;
  }
}

}  // namespace
}  // namespace rt
