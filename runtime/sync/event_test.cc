#include "runtime/sync/event.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "runtime/base/clock.h"

namespace rt {
namespace {

TEST(EventTest, WaitersSeeWhatCameBeforeSet) {
  // ThreadSanitizer judges too: `data` is a plain word.
  int data = 0;
  Event event;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      event.Wait();
      EXPECT_EQ(data, 7);
      EXPECT_TRUE(event.IsSet());
    });
  }
  data = 7;
  event.Set();
  for (std::thread& thread : threads) thread.join();
  event.Wait();
}

TEST(EventTest, WaitForTimesOutWhileNotSet) {
  Event event;
  const int64_t begun_ns = MonotonicNanoseconds();
  EXPECT_FALSE(event.WaitFor(5 * kNanosecondsPerMillisecond));
  EXPECT_GE(MonotonicNanoseconds() - begun_ns, 5 * kNanosecondsPerMillisecond);
  event.Set();
  EXPECT_TRUE(event.WaitFor(0));
  event.Reset();
  EXPECT_FALSE(event.IsSet());
  EXPECT_FALSE(event.WaitFor(0));
}

TEST(EventTest, WaiterMayDestroyTheEventAtOnce) {
  // AddressSanitizer is the judge.
  for (int round = 0; round < 500; ++round) {
    auto event = std::make_unique<Event>();
    std::thread setter([raw = event.get()] { raw->Set(); });
    event->Wait();
    event.reset();
    setter.join();
  }
}

TEST(EventTest, ForkForgetsSleepersAndKeepsTheState) {
  Event event;
  (void)event.WaitFor(0);  // Leaves the trace of a sleeper.
  event.AfterForkChild();
  EXPECT_FALSE(event.IsSet());
  event.Set();
  event.AfterForkChild();
  EXPECT_TRUE(event.IsSet());
}

}  // namespace
}  // namespace rt
