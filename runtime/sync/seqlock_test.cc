#include "runtime/sync/seqlock.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <thread>
#include <vector>

namespace rt {
namespace {

TEST(SeqLockTest, ReaderSeesAWriteWholeOrNotAtAll) {
  // Writers keep the three cells equal up to a factor; a reader that accepts a
  // mixture fails.
  constexpr int kWriteCount = 10000;
  SeqLock lock;
  SeqCell<uint64_t> one;
  SeqCell<uint64_t> two;
  SeqCell<uint64_t> three;
  std::vector<std::thread> writers;
  for (int i = 0; i < 2; ++i) {
    writers.emplace_back([&] {
      for (int round = 0; round < kWriteCount; ++round) {
        lock.BeginWrite();
        const uint64_t value = one.Read() + 1;
        one.Write(value);
        two.Write(2 * value);
        three.Write(3 * value);
        lock.EndWrite();
      }
    });
  }
  uint64_t last = 0;
  while (last < 2 * kWriteCount) {
    const uint32_t begun = lock.BeginRead();
    const uint64_t first = one.Read();
    const uint64_t second = two.Read();
    const uint64_t third = three.Read();
    if (!lock.EndRead(begun)) continue;
    ASSERT_EQ(second, 2 * first);
    ASSERT_EQ(third, 3 * first);
    ASSERT_GE(first, last);
    last = first;
  }
  for (std::thread& thread : writers) thread.join();
}

TEST(SeqLockTest, ReadDuringAWriteIsRefused) {
  SeqLock lock;
  const uint32_t begun = lock.BeginRead();
  EXPECT_TRUE(lock.EndRead(begun));
  lock.BeginWrite();
  EXPECT_FALSE(lock.EndRead(begun));
  lock.EndWrite();
  EXPECT_FALSE(lock.EndRead(begun));
  EXPECT_TRUE(lock.EndRead(lock.BeginRead()));
}

TEST(SeqLockTest, ChildEndsTheWriteOfAVanishedThread) {
  SeqLock lock;
  lock.BeginWrite();
  lock.AfterForkChild();
  EXPECT_TRUE(lock.EndRead(lock.BeginRead()));
  lock.BeginWrite();
  lock.EndWrite();
}

}  // namespace
}  // namespace rt
