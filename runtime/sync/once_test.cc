#include "runtime/sync/once.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace rt {
namespace {

TEST(OnceTest, WorkRunsOnceAndAllSeeIt) {
  // ThreadSanitizer judges too: `value` is a plain word.
  for (int round = 0; round < 100; ++round) {
    Once once;
    int value = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        EXPECT_TRUE(once.Call([&] {
          ++value;
          return true;
        }));
        EXPECT_EQ(value, 1);
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(once.IsDone());
  }
}

TEST(OnceTest, NextThreadTriesAfterAFailure) {
  // Of four threads that come together three fail in turn, the fourth succeeds.
  Once once;
  int tries = 0;
  int failures[4] = {};
  std::vector<std::thread> threads;
  for (int& failure : failures) {
    threads.emplace_back([&] {
      if (!once.Call([&] { return ++tries == 4; })) failure = 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(tries, 4);
  EXPECT_EQ(failures[0] + failures[1] + failures[2] + failures[3], 3);
  EXPECT_TRUE(once.IsDone());
}

TEST(OnceTest, WorkOfAVanishedThreadCountsAsNotDone) {
  Once once;
  EXPECT_TRUE(once.Call([&once] {
    once.AfterForkChild();  // As if this thread were gone.
    bool ran = false;
    EXPECT_TRUE(once.Call([&ran] { return ran = true; }));
    return ran;
  }));
  EXPECT_TRUE(once.IsDone());
  once.AfterForkChild();
  EXPECT_TRUE(once.IsDone());
}

}  // namespace
}  // namespace rt
