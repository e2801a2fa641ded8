#include "stressd/host/scenario/violation.h"

#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace stressd::host {
namespace {

TEST(ViolationListTest, KeepsOracleAndMessageInOrder) {
  ViolationList list;
  EXPECT_TRUE(list.empty());
  list.Add("reference-total", "1 reference too many");
  list.Add("thread-list", "2 thread states left");
  ASSERT_EQ(list.violations().size(), 2u);
  EXPECT_EQ(list.violations()[0].oracle, "reference-total");
  EXPECT_EQ(list.violations()[1].message, "2 thread states left");
  EXPECT_FALSE(list.empty());
}

TEST(ViolationListTest, CountsWhatItDoesNotKeep) {
  ViolationList list;
  for (int i = 0; i < 1000; ++i) list.Add("oracle", std::to_string(i));
  EXPECT_EQ(list.count(), 1000);
  EXPECT_EQ(list.violations().size(), ViolationList::kKeptCount);
  ViolationList sum;
  sum.Add("oracle", "first");
  sum.Append(list);
  EXPECT_EQ(sum.count(), 1001);
  EXPECT_EQ(sum.violations().size(), ViolationList::kKeptCount);
}

TEST(ViolationListTest, UnreachedIsNoViolation) {
  ViolationList list;
  list.AddUnreached("no object was queued");
  EXPECT_TRUE(list.empty());
  ASSERT_EQ(list.unreached().size(), 1u);
}

TEST(ViolationListTest, ThreadsAddAtOnce) {
  ViolationList list;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&list] {
      for (int j = 0; j < 250; ++j) list.Add("oracle", "message");
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(list.count(), 1000);
}

}  // namespace
}  // namespace stressd::host
