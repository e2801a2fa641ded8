#include "stressd/daemon/service/call_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <thread>
#include <vector>

namespace stressd::service {
namespace {

TEST(CallGateTest, NobodyEntersAfterClose) {
  CallGate gate;
  EXPECT_TRUE(gate.Enter());
  gate.Close();
  EXPECT_FALSE(gate.Enter());
  EXPECT_FALSE(gate.WaitUntilIdle(absl::Milliseconds(1)));
  gate.Leave();
  EXPECT_TRUE(gate.WaitUntilIdle(absl::ZeroDuration()));
}

TEST(CallGateTest, StreamsHearOfTheEndOnceAlsoLateOnes) {
  CallGate gate;
  int early = 0;
  int late = 0;
  int gone = 0;
  gate.RemoveStream(gate.AddStream([&gone] { ++gone; }));
  gate.AddStream([&early] { ++early; });
  gate.Close();
  gate.Close();
  gate.AddStream([&late] { ++late; });
  EXPECT_EQ(early, 1);
  EXPECT_EQ(late, 1);
  EXPECT_EQ(gone, 0);
}

// Calls enter and leave, with streams, while the gate closes: whoever got in is
// waited for, and no callback runs for a stream that was removed.
TEST(CallGateTest, CloseWaitsForWhoeverGotIn) {
  for (int round = 0; round < 200; ++round) {
    CallGate gate;
    constexpr int kThreads = 4;
    std::atomic<int> inside{0};
    std::barrier start(kThreads + 1);
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        start.arrive_and_wait();
        while (gate.Enter()) {
          // seq_cst: the default; a test.
          inside.fetch_add(1);
          bool alive = true;
          const int64_t handle = gate.AddStream([&alive] { EXPECT_TRUE(alive); });
          gate.RemoveStream(handle);
          alive = false;
          inside.fetch_sub(1);
          gate.Leave();
        }
      });
    }
    start.arrive_and_wait();
    gate.Close();
    EXPECT_TRUE(gate.WaitUntilIdle(absl::Seconds(60)));
    EXPECT_EQ(inside.load(), 0);
    for (std::thread& thread : threads) thread.join();
  }
}

}  // namespace
}  // namespace stressd::service
