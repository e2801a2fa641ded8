#include "stressd/daemon/store/write_queue.h"

#include <gtest/gtest.h>

#include <barrier>
#include <memory>
#include <thread>
#include <vector>

namespace stressd::store {
namespace {

std::unique_ptr<SQLite::Database> MemoryDatabase() {
  auto database =
      std::make_unique<SQLite::Database>(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  database->exec("CREATE TABLE number (value INTEGER PRIMARY KEY) STRICT");
  return database;
}

WriteQueue::Work Insert(int value) {
  return [value](SQLite::Database& database) {
    SQLite::Statement row(database, "INSERT INTO number VALUES (?)");
    row.bind(1, value);
    row.exec();
    return absl::OkStatus();
  };
}

int Count(WriteQueue& queue) {
  int count = -1;
  EXPECT_TRUE(queue
                  .RunAlone([&count](SQLite::Database& database) {
                    count = database.execAndGet("SELECT count(*) FROM number").getInt();
                    return absl::OkStatus();
                  })
                  .ok());
  return count;
}

TEST(WriteQueueTest, ManyWritersAllCommit) {
  WriteQueue queue(MemoryDatabase(), nullptr, absl::Hours(1));
  constexpr int kThreads = 8;
  constexpr int kWrites = 100;
  std::barrier start(kThreads);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      start.arrive_and_wait();
      for (int i = 0; i < kWrites; ++i) {
        EXPECT_TRUE(queue.Write(Insert(thread * kWrites + i)).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Count(queue), kThreads * kWrites);
}

// Writers meet at a barrier so that failing and good work share batches.
TEST(WriteQueueTest, OneThatFailsTakesNobodyAlong) {
  WriteQueue queue(MemoryDatabase(), nullptr, absl::Hours(1));
  ASSERT_TRUE(queue.Write(Insert(0)).ok());
  constexpr int kThreads = 6;
  std::barrier start(kThreads);
  std::vector<std::thread> threads;
  for (int thread = 1; thread <= kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      start.arrive_and_wait();
      const bool fails = thread % 2 == 0;
      EXPECT_EQ(queue.Write(Insert(fails ? 0 : thread)).ok(), !fails);
      // Work that fails after it wrote leaves nothing.
      EXPECT_FALSE(queue
                       .Write([thread](SQLite::Database& database) {
                         Insert(100 + thread)(database).IgnoreError();
                         return absl::AbortedError("changed my mind");
                       })
                       .ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Count(queue), 1 + kThreads / 2);
}

TEST(WriteQueueTest, NothingIsWrittenAfterStop) {
  WriteQueue queue(MemoryDatabase(), nullptr, absl::Hours(1));
  queue.Stop();
  queue.Stop();
  EXPECT_EQ(queue.Write(Insert(1)).code(), absl::StatusCode::kUnavailable);
}

TEST(WriteQueueTest, HousekeepingRunsWhileIdleAndItsFailureIsHarmless) {
  int count = 0;  // Of the writer's thread until it is joined.
  {
    std::mutex mutex;
    std::condition_variable ran;
    int seen = 0;
    WriteQueue queue(
        MemoryDatabase(),
        [&](SQLite::Database& database) {
          {
            const std::lock_guard lock(mutex);
            count = ++seen;
          }
          ran.notify_all();
          database.exec("no such statement");
          return absl::OkStatus();
        },
        absl::Milliseconds(1));
    std::unique_lock lock(mutex);
    ran.wait(lock, [&] { return seen >= 3; });
    lock.unlock();
    EXPECT_TRUE(queue.Write(Insert(1)).ok());
    queue.Stop();
  }
  EXPECT_GE(count, 3);
}

}  // namespace
}  // namespace stressd::store
