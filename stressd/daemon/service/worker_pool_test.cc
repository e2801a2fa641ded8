#include "stressd/daemon/service/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace stressd::service {
namespace {

TEST(WorkerPoolTest, StopRunsWhatWasAccepted) {
  std::atomic<int> run_count{0};
  int accepted_count = 0;
  {
    WorkerPool pool(3, 1000);
    for (int i = 0; i < 500; ++i) {
      // relaxed: read after Stop() has joined the threads.
      accepted_count +=
          pool.Post([&run_count] { run_count.fetch_add(1, std::memory_order_relaxed); });
    }
    pool.Stop();
    EXPECT_FALSE(pool.Post([] {}));
  }
  EXPECT_EQ(accepted_count, 500);
  EXPECT_EQ(run_count.load(std::memory_order_relaxed), accepted_count);
}

TEST(WorkerPoolTest, FullQueueRefuses) {
  WorkerPool pool(1, 2);
  std::latch busy(1);
  std::latch release(1);
  ASSERT_TRUE(pool.Post([&] {
    busy.count_down();
    release.wait();
  }));
  busy.wait();
  EXPECT_TRUE(pool.Post([] {}));
  EXPECT_TRUE(pool.Post([] {}));
  EXPECT_FALSE(pool.Post([] {}));
  release.count_down();
}

}  // namespace
}  // namespace stressd::service
