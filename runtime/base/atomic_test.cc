#include "runtime/base/atomic.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace rt {
namespace {

TEST(AtomicTest, OverlaysAPlainField) {
  static_assert(sizeof(Atomic<uint8_t>) == 1);
  static_assert(sizeof(Atomic<uint64_t>) == 8);
  static_assert(sizeof(Atomic<void*>) == sizeof(void*));
  static_assert(!std::is_copy_constructible_v<Atomic<int>>);
}

TEST(AtomicTest, ReadModifyWritesReturnTheValueBefore) {
  Atomic<uint32_t> word(0b1100);
  EXPECT_EQ(word.fetch_or(0b0011, std::memory_order_acq_rel), 0b1100u);
  EXPECT_EQ(word.fetch_and(0b0110, std::memory_order_acq_rel), 0b1111u);
  EXPECT_EQ(word.fetch_xor(0b0101, std::memory_order_acq_rel), 0b0110u);
  EXPECT_EQ(word.fetch_add(10, std::memory_order_acq_rel), 0b0011u);
  EXPECT_EQ(word.fetch_sub(3, std::memory_order_acq_rel), 13u);
  EXPECT_EQ(word.exchange(7, std::memory_order_acq_rel), 10u);
  EXPECT_EQ(word.load(std::memory_order_acquire), 7u);
}

TEST(AtomicTest, FailedCompareExchangeReportsTheValueFound) {
  Atomic<int> word(1);
  int expected = 2;
  EXPECT_FALSE(word.compare_exchange_strong(expected, 3, std::memory_order_acq_rel,
                                            std::memory_order_relaxed));
  EXPECT_EQ(expected, 1);
  EXPECT_TRUE(word.compare_exchange_strong(expected, 3, std::memory_order_acq_rel,
                                           std::memory_order_relaxed));
  EXPECT_EQ(word.load(std::memory_order_relaxed), 3);
}

TEST(AtomicTest, AdditionsOfSeveralThreadsAreNotLost) {
  constexpr int kThreadCount = 4;
  constexpr int kRoundCount = 20000;
  Atomic<int64_t> sum;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreadCount; ++i) {
    threads.emplace_back([&sum] {
      for (int round = 0; round < kRoundCount; ++round) {
        sum.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sum.load(std::memory_order_relaxed), kThreadCount * kRoundCount);
}

TEST(AtomicTest, AcquireSeesWhatCameBeforeRelease) {
  // ThreadSanitizer is the judge: `data` is a plain word.
  int data = 0;
  Atomic<bool> ready(false);
  std::thread writer([&] {
    data = 42;
    ready.store(true, std::memory_order_release);
  });
  while (!ready.load(std::memory_order_acquire)) std::this_thread::yield();
  EXPECT_EQ(data, 42);
  writer.join();
}

TEST(AtomicTest, PlainWordsCanBeReadAndWrittenRelaxed) {
  void* link = nullptr;
  StoreRelaxed(&link, &link);
  EXPECT_EQ(LoadRelaxed(&link), &link);
}

SchedulePointSite SiteOfCaller(SchedulePointSite site = SchedulePointSite::Here()) { return site; }

TEST(SchedulePointTest, DefaultSiteIsTheCallersLine) {
  const SchedulePointSite site = SiteOfCaller();
  EXPECT_EQ(site.line(), static_cast<uint32_t>(__LINE__ - 1));
  EXPECT_NE(std::string(site.file()).find("atomic_test.cc"), std::string::npos);
  EXPECT_EQ(site.name(), nullptr);
}

TEST(SchedulePointTest, NamedSiteKeepsItsName) {
  const SchedulePointSite site = SchedulePointSite::Named("atomic_test.point");
  EXPECT_STREQ(site.name(), "atomic_test.point");
  EXPECT_EQ(site.line(), static_cast<uint32_t>(__LINE__ - 2));
  RT_SCHEDULE_POINT("atomic_test.explicit");
}

// What a hook was told, on one thread.
struct PassedPoint {
  SchedulePointKind kind;
  const volatile void* address;
  uint32_t line;
  std::string name;
};
std::vector<PassedPoint> passed_points;

void RecordPoint(SchedulePointKind kind, const volatile void* address, SchedulePointSite site) {
  passed_points.push_back({kind, address, site.line(), site.name() == nullptr ? "" : site.name()});
}

TEST(SchedulePointTest, HookSeesOrderedOperationsAndNoRelaxedOnes) {
  Atomic<uint32_t> word{0};
  passed_points.clear();
  ASSERT_EQ(SetScheduleHook(&RecordPoint), nullptr);
  const uint32_t line = __LINE__;
  word.store(1, std::memory_order_release);
  (void)word.load(std::memory_order_acquire);
  (void)word.fetch_add(1, std::memory_order_acq_rel);
  word.store(1, std::memory_order_relaxed);
  (void)word.load(std::memory_order_relaxed);
  (void)word.fetch_add(1, std::memory_order_relaxed);
  RT_SCHEDULE_POINT("atomic_test.point");
  EXPECT_EQ(SetScheduleHook(nullptr), &RecordPoint);
  (void)word.load(std::memory_order_acquire);
  ASSERT_EQ(passed_points.size(), 4u);
  EXPECT_EQ(passed_points[0].kind, SchedulePointKind::kStore);
  EXPECT_EQ(passed_points[0].address, &word);
  EXPECT_EQ(passed_points[0].line, line + 1);
  EXPECT_EQ(passed_points[1].kind, SchedulePointKind::kLoad);
  EXPECT_EQ(passed_points[2].kind, SchedulePointKind::kReadModifyWrite);
  EXPECT_EQ(passed_points[3].kind, SchedulePointKind::kNamed);
  EXPECT_EQ(passed_points[3].name, "atomic_test.point");
}

}  // namespace
}  // namespace rt
