#include "runtime/base/thread_id.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace rt {
namespace {

TEST(ThreadIdTest, NobodyUntilSet) {
  EXPECT_EQ(CurrentThreadId(), kNobodyId);
  std::thread([] { EXPECT_EQ(CurrentThreadId(), kNobodyId); }).join();
}

TEST(ThreadIdTest, TheWordBelongsToTheOsThread) {
  SetCurrentThreadId(77);
  std::thread([] {
    EXPECT_EQ(CurrentThreadId(), kNobodyId);
    SetCurrentThreadId(78);
    EXPECT_EQ(CurrentThreadId(), 78u);
  }).join();
  EXPECT_EQ(CurrentThreadId(), 77u);
  SetCurrentThreadId(kNobodyId);
}

TEST(ThreadIdTest, IdsAreDistinctAcrossThreads) {
  constexpr int kThreadCount = 4;
  constexpr int kIdCount = 2000;
  std::vector<std::vector<ThreadId>> drawn(kThreadCount);
  std::vector<std::thread> threads;
  for (std::vector<ThreadId>& ids : drawn) {
    threads.emplace_back([&ids] {
      for (int i = 0; i < kIdCount; ++i) ids.push_back(NextThreadStateId());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<ThreadId> all;
  for (const std::vector<ThreadId>& ids : drawn) {
    EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
    all.insert(all.end(), ids.begin(), ids.end());
  }
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
  EXPECT_GE(all.front(), kFirstThreadStateId);
}

}  // namespace
}  // namespace rt
