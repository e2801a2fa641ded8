#include "runtime/stats/counter_region.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <thread>
#include <vector>

#include "runtime/base/fault_point.h"
#include "runtime/stats/counter.h"
#include "runtime/stats/counter_block.h"

namespace rt {
namespace {

// Shared pages, as the black box gives them.
class SharedPages {
 public:
  explicit SharedPages(uint32_t slot_count) {
    const std::size_t page_bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    bytes_ = (CounterRegion::BytesFor(slot_count) + page_bytes - 1) / page_bytes * page_bytes;
    memory_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  }
  ~SharedPages() { munmap(memory_, bytes_); }
  SharedPages(const SharedPages&) = delete;
  SharedPages& operator=(const SharedPages&) = delete;

  void* memory() const { return memory_; }
  std::size_t bytes() const { return bytes_; }

 private:
  void* memory_;
  std::size_t bytes_;
};

int64_t SumOf(const CounterRegion& region, Counter counter) {
  CounterTotals totals;
  for (uint32_t i = 0; i < region.slot_count(); ++i) totals.Add(region.slot(i).block);
  return totals.Get(counter);
}

TEST(CounterRegionTest, LaysOutTheHeaderAnotherProcessReads) {
  SharedPages pages(5);
  CounterRegion region(pages.memory(), pages.bytes());
  EXPECT_GE(region.slot_count(), 5u);
  const unsigned char* const bytes = static_cast<const unsigned char*>(pages.memory());
  EXPECT_EQ(std::memcmp(bytes, "RTCNTRS1", 8), 0);
  uint32_t words[7];
  std::memcpy(words, bytes + 8, sizeof(words));
  EXPECT_EQ(words[0], kCounterLayoutVersion);
  EXPECT_EQ(words[1], 64u);
  EXPECT_EQ(words[2], 1088u);
  EXPECT_EQ(words[3], region.slot_count());
  EXPECT_EQ(words[4], kCounterCount);
  EXPECT_EQ(words[5], kReferenceTypeCount);
  EXPECT_EQ(words[6], 0u);
  EXPECT_LE(CounterRegion::BytesFor(region.slot_count()), pages.bytes());
}

TEST(CounterRegionTest, SlotSaysWhoseItIsUntilReleased) {
  SharedPages pages(2);
  CounterRegion region(pages.memory(), pages.bytes());
  CounterSlot* const slot = region.Acquire(CounterOwnerKind::kThreadState, 17, 3);
  ASSERT_EQ(slot, &region.slot(0));
  slot->block.Add(Counter::kAttaches, 9);
  CounterSlotReading reading;
  ASSERT_TRUE(ReadCounterSlot(*slot, reading));
  EXPECT_EQ(reading.kind, CounterOwnerKind::kThreadState);
  EXPECT_EQ(reading.owner_id, 17u);
  EXPECT_EQ(reading.interpreter_id, 3u);
  EXPECT_EQ(reading.totals.Get(Counter::kAttaches), 9);
  region.Release(slot);
  ASSERT_TRUE(ReadCounterSlot(region.slot(0), reading));
  EXPECT_EQ(reading.kind, CounterOwnerKind::kNone);
  EXPECT_EQ(reading.owner_id, 0u);
  EXPECT_EQ(reading.totals.Get(Counter::kAttaches), 0);
  EXPECT_EQ(region.used_slot_count(), 0u);
}

TEST(CounterRegionTest, TornSlotIsNotRead) {
  SharedPages pages(1);
  CounterRegion region(pages.memory(), pages.bytes());
  CounterSlot* const slot = region.Acquire(CounterOwnerKind::kThreadState, 2, 1);
  slot->sequence.fetch_add(1, std::memory_order_relaxed);  // As if it died in a fold.
  CounterSlotReading reading;
  EXPECT_FALSE(ReadCounterSlot(*slot, reading));
  slot->sequence.fetch_add(1, std::memory_order_relaxed);
  EXPECT_TRUE(ReadCounterSlot(*slot, reading));
  region.Release(slot);
}

TEST(CounterRegionTest, FullRegionAndNoRegionGivePrivateMemory) {
  SharedPages pages(1);
  CounterRegion region(pages.memory(), pages.bytes());
  std::vector<CounterSlot*> slots;
  for (uint32_t i = 0; i < region.slot_count() + 3; ++i) {
    slots.push_back(region.Acquire(CounterOwnerKind::kThreadState, i + 2, 1));
    ASSERT_NE(slots.back(), nullptr);
    slots.back()->block.Add(Counter::kForks);
  }
  EXPECT_EQ(region.used_slot_count(), region.slot_count());
  EXPECT_EQ(region.private_slot_count(), 3u);
  for (CounterSlot* slot : slots) region.Release(slot);
  EXPECT_EQ(region.private_slot_count(), 0u);

  CounterRegion none;
  EXPECT_EQ(none.slot_count(), 0u);
  EXPECT_EQ(none.change_sequence(), 0u);
  CounterSlot* const interpreter = none.Acquire(CounterOwnerKind::kInterpreter, 1, 1);
  CounterSlot* const thread = none.Acquire(CounterOwnerKind::kThreadState, 2, 1);
  thread->block.Add(Counter::kForks, 4);
  none.FoldAndRelease(thread, interpreter);
  EXPECT_EQ(interpreter->block.Get(Counter::kForks), 4);
  none.Release(interpreter);
}

bool FailAlways(const char* /*name*/) { return true; }

TEST(CounterRegionTest, ShortMemoryIsReported) {
  CounterRegion none;
  SetFaultHook(&FailAlways);
  EXPECT_EQ(none.Acquire(CounterOwnerKind::kThreadState, 2, 1), nullptr);
  SetFaultHook(nullptr);
  EXPECT_EQ(none.private_slot_count(), 0u);
}

TEST(CounterRegionTest, NoCountIsLostWhenThreadsFoldAndReuseSlots) {
  // Threads come and go; each folds into the interpreter's slot. A reader sums
  // all slots: between two equal even change sequences the sum never decreases,
  // which a count folded twice or not at all would break in the end.
  constexpr int kThreadCount = 3;
  constexpr int kRoundCount = 300;
  SharedPages pages(8);
  CounterRegion region(pages.memory(), pages.bytes());
  CounterSlot* const interpreter = region.Acquire(CounterOwnerKind::kInterpreter, 1, 1);
  Mutex walk;  // Stands for the lock that guards the list of thread states.
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreadCount; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < kRoundCount; ++round) {
        CounterSlot* const slot =
            region.Acquire(CounterOwnerKind::kThreadState, static_cast<uint64_t>(2 + t), 1);
        for (int i = 0; i < 10; ++i) slot->block.Add(Counter::kListReads);
        MutexLock lock(walk);
        region.FoldAndRelease(slot, interpreter);
      }
    });
  }
  constexpr int64_t kAll = int64_t{kThreadCount} * kRoundCount * 10;
  int64_t last = 0;
  while (last < kAll) {
    const uint32_t before = region.change_sequence();
    const int64_t sum = SumOf(region, Counter::kListReads);
    if ((before & 1) != 0 || region.change_sequence() != before) continue;
    ASSERT_GE(sum, last);
    ASSERT_LE(sum, kAll);
    last = sum;
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(interpreter->block.Get(Counter::kListReads), kAll);
  EXPECT_EQ(region.used_slot_count(), 1u);
  region.Release(interpreter);
}

TEST(CounterRegionTest, ForkedChildCountsInMemoryOfItsOwn) {
  SharedPages pages(4);
  CounterRegion region(pages.memory(), pages.bytes());
  CounterSlot* const slot = region.Acquire(CounterOwnerKind::kThreadState, 2, 1);
  slot->block.Add(Counter::kForks, 5);
  region.BeforeFork();
  const pid_t child = fork();
  EXPECT_GE(child, 0);
  if (child == 0) {
    region.AfterForkChild();
    if (slot->block.Get(Counter::kForks) != 5) _exit(1);
    slot->block.Add(Counter::kForks, 100);
    if (slot->block.Get(Counter::kForks) != 105) _exit(2);
    CounterSlot* const other = region.Acquire(CounterOwnerKind::kThreadState, 3, 1);
    region.FoldAndRelease(other, slot);
    region.Release(slot);
    _exit(region.used_slot_count() == 0 ? 0 : 3);
  }
  region.AfterForkParent();
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(slot->block.Get(Counter::kForks), 5);
  EXPECT_EQ(slot->owner_id.load(std::memory_order_relaxed), 2u);
  region.Release(slot);
}

void LeaveASlotTaken() {
  CounterRegion region;
  (void)region.Acquire(CounterOwnerKind::kThreadState, 2, 1);
}

TEST(CounterRegionDeathTest, SlotNotReleasedDies) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(LeaveASlotTaken(), "REGION-I1");
}

}  // namespace
}  // namespace rt
