#include "stressd/host/scenario/start_gate.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace stressd::host {
namespace {

TEST(StartGateTest, NobodyPassesBeforeAllHaveArrived) {
  constexpr uint32_t kThreads = 6;
  for (int round = 0; round < 50; ++round) {
    StartGate gate;
    std::atomic<int> passed{0};
    int prepared = 0;  // Plain: ThreadSanitizer judges the gate's order.
    std::vector<std::thread> threads;
    for (uint32_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        ASSERT_TRUE(gate.ArriveAndWait());
        EXPECT_EQ(prepared, 1);
        passed.fetch_add(1);
      });
    }
    gate.AwaitArrivals(kThreads);
    EXPECT_EQ(passed.load(), 0);
    prepared = 1;
    gate.Open();
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(passed.load(), static_cast<int>(kThreads));
  }
}

TEST(StartGateTest, BrokenGateSendsEverybodyAway) {
  StartGate gate;
  std::vector<std::thread> threads;
  std::atomic<int> sent_away{0};
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      if (!gate.ArriveAndWait()) sent_away.fetch_add(1);
    });
  }
  gate.Break();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sent_away.load(), 3);
}

TEST(StartGateTest, LatecomersDoNotWait) {
  StartGate gate;
  gate.Open();
  EXPECT_TRUE(gate.ArriveAndWait());
}

}  // namespace
}  // namespace stressd::host
