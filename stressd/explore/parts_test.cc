// The parts of the engine that stand alone.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "stressd/explore/call_stack.h"
#include "stressd/explore/freed_memory.h"
#include "stressd/explore/race_detector.h"
#include "stressd/explore/random.h"
#include "stressd/explore/shadow.h"
#include "stressd/explore/stack_table.h"
#include "stressd/explore/store_buffer.h"

namespace explore {
namespace {

TEST(RandomTest, NeighbouringSeedsAreUnrelated) {
  for (uint64_t seed = 0; seed < 64; ++seed) {
    int differing = 0;
    Random a(seed);
    Random b(seed + 1);
    for (int i = 0; i < 64; ++i) differing += __builtin_popcountll(a.Next() ^ b.Next());
    // 4096 bits, half of them expected, 32 the standard deviation.
    EXPECT_NEAR(differing, 2048, 200) << seed;
    EXPECT_NE(Mix(seed, 1), Mix(seed + 1, 0));
  }
}

TEST(StoreBufferTest, OnlyTheOwnerSeesItsStoresUntilTheyDrain) {
  int memory = 1;
  const int two = 2;
  StoreBuffer buffer;
  buffer.Push(reinterpret_cast<uintptr_t>(&memory), sizeof(memory), &two);
  EXPECT_EQ(memory, 2);
  buffer.Lift();
  EXPECT_EQ(memory, 1);
  buffer.Lay();
  EXPECT_EQ(memory, 2);
  buffer.Drain(0, /*laid=*/true);
  buffer.Lift();
  EXPECT_EQ(memory, 2);
}

TEST(StoreBufferTest, DrainsInOrderUnlessStoresMayPass) {
  int memory[2] = {0, 0};
  const int one = 1;
  StoreBuffer buffer;
  buffer.Push(reinterpret_cast<uintptr_t>(&memory[0]), sizeof(int), &one);
  buffer.Push(reinterpret_cast<uintptr_t>(&memory[1]), sizeof(int), &one);
  EXPECT_EQ(buffer.EligibleCount(/*may_pass=*/false), 1u);
  EXPECT_EQ(buffer.EligibleCount(/*may_pass=*/true), 2u);
  buffer.Lift();
  buffer.Drain(buffer.Eligible(/*may_pass=*/true, 1), /*laid=*/false);
  EXPECT_EQ(memory[0], 0);
  EXPECT_EQ(memory[1], 1);
}

TEST(StoreBufferTest, NoStorePassesOneToTheSameBytesOrAFence) {
  int memory[2] = {0, 0};
  const int one = 1;
  StoreBuffer buffer;
  buffer.Push(reinterpret_cast<uintptr_t>(&memory[0]), sizeof(int), &one);
  buffer.Push(reinterpret_cast<uintptr_t>(&memory[0]), sizeof(int), &one);
  EXPECT_EQ(buffer.EligibleCount(/*may_pass=*/true), 1u);
  buffer.Fence();
  buffer.Push(reinterpret_cast<uintptr_t>(&memory[1]), sizeof(int), &one);
  EXPECT_EQ(buffer.EligibleCount(/*may_pass=*/true), 1u);
}

TEST(ShadowTest, CellsSurviveTheGrowthOfTheIndexAndNotAReset) {
  Shadow shadow;
  shadow.Reset();
  constexpr uintptr_t kCells = 20000;  // The index doubles three times.
  for (uintptr_t i = 0; i < kCells; ++i) shadow.FindOrAdd(i * 8)->history = i + 1;
  for (uintptr_t i = 0; i < kCells; ++i) {
    const Cell* cell = shadow.Find(i * 8 + 3);
    ASSERT_NE(cell, nullptr) << i;
    ASSERT_EQ(cell->history, i + 1);
  }
  EXPECT_EQ(shadow.Find(kCells * 8), nullptr);
  shadow.Reset();
  EXPECT_EQ(shadow.Find(8), nullptr);
  EXPECT_EQ(shadow.FindOrAdd(16)->history, 0u);
  EXPECT_EQ(shadow.Find(8), nullptr);
}

TEST(FreedMemoryTest, HoldsExactlyWhatWasFreed) {
  FreedMemory freed;
  freed.Reset();
  EXPECT_FALSE(freed.Holds(0, 100000));
  const uintptr_t begin = 0x10000 - 24;  // Over the end of a page.
  freed.Mark(begin, begin + 48);
  EXPECT_FALSE(freed.Holds(begin - 8, begin));
  EXPECT_TRUE(freed.Holds(begin - 1, begin + 1));
  for (uintptr_t at = begin; at < begin + 48; ++at) EXPECT_TRUE(freed.Holds(at, at + 1));
  EXPECT_FALSE(freed.Holds(begin + 48, begin + 56));
  freed.Unmark(begin + 8, begin + 40);
  EXPECT_TRUE(freed.Holds(begin, begin + 8));
  EXPECT_FALSE(freed.Holds(begin + 8, begin + 40));
  EXPECT_TRUE(freed.Holds(begin + 40, begin + 48));
  freed.Reset();
  EXPECT_FALSE(freed.Holds(begin, begin + 48));
}

TEST(FreedMemoryTest, MorePagesThanItBeganWith) {
  FreedMemory freed;
  freed.Reset();
  for (uintptr_t page = 1; page < 2000; page += 2) freed.Mark(page << 12, (page << 12) + 4096);
  for (uintptr_t page = 1; page < 2000; ++page) {
    EXPECT_EQ(freed.Holds((page << 12) + 4088, (page << 12) + 4096), page % 2 == 1) << page;
  }
  EXPECT_TRUE(freed.Holds(2 << 12, 4 << 12));
}

TEST(CallStackTest, NodesNameTheStackAsItIs) {
  static StackNode nodes[kMaxStackNodes];
  StackTable table;
  table.Init(nodes);
  CallStack calls;
  EXPECT_EQ(calls.Node(table), 0u);
  calls.Enter(100);
  calls.Enter(200);
  const uint32_t inner = calls.Node(table);
  EXPECT_EQ(calls.Node(table), inner);
  calls.Exit();
  EXPECT_EQ(calls.Node(table), table.Parent(inner));
  calls.Enter(300);
  EXPECT_NE(calls.Node(table), inner);
  calls.Exit();
  calls.Enter(200);
  EXPECT_EQ(calls.Node(table), inner);
  // Deeper than it keeps: the innermost calls are not told apart, nothing else is lost.
  for (int i = 0; i < 3000; ++i) calls.Enter(400);
  for (int i = 0; i < 3000; ++i) calls.Exit();
  EXPECT_EQ(calls.Node(table), inner);
  for (int i = 0; i < 5; ++i) calls.Exit();
  EXPECT_EQ(calls.Node(table), 0u);
}

TEST(StackTableTest, KeepsItsNodesWhenTheIndexGrows) {
  static StackNode nodes[kMaxStackNodes];
  StackTable table;
  table.Init(nodes);
  std::vector<uint32_t> made;
  for (uintptr_t i = 0; i < 10000; ++i) made.push_back(table.Child(0, 1000 + i));
  for (uintptr_t i = 0; i < 10000; ++i) EXPECT_EQ(table.Child(0, 1000 + i), made[i]);
}

class RaceDetectorTest : public testing::Test {
 protected:
  RaceDetectorTest() {
    shadow_.Reset();
    detector_.Begin(&shadow_, sites_, 0, /*learn=*/true, /*report_races=*/true);
    for (uint16_t i = 0; i < 2; ++i) {
      threads_[i].id = i;
      threads_[i].clock.Set(i, 1);
    }
  }
  bool Races(int thread, const void* address, uint32_t size, bool write) {
    return detector_
               .Check(threads_[thread], /*stack=*/0, reinterpret_cast<uintptr_t>(address), size,
                      write,
                      /*atomic=*/false, /*pc=*/100 + static_cast<uintptr_t>(thread))
               .kind == AccessFault::kRace;
  }

  Shadow shadow_;
  uint8_t sites_[kSiteCount] = {};
  RaceDetector detector_;
  Thread threads_[2];
  alignas(8) char memory_[16] = {};
};

TEST_F(RaceDetectorTest, UnorderedWriteAndReadRaceAndMarkTheirSites) {
  EXPECT_FALSE(Races(0, memory_, 4, true));
  EXPECT_TRUE(Races(1, memory_, 4, false));
  EXPECT_EQ(sites_[RaceDetector::SiteIndex(100, 0)], 3);
  EXPECT_EQ(sites_[RaceDetector::SiteIndex(101, 0)], 3);
}

TEST_F(RaceDetectorTest, EverySiteOfASharedVariableIsSharedWheneverItComes) {
  const auto touch = [&](int thread, uintptr_t pc, bool write) {
    detector_.Check(threads_[thread], /*stack=*/0, reinterpret_cast<uintptr_t>(memory_), 4, write,
                    /*atomic=*/true, pc);
    return sites_[RaceDetector::SiteIndex(pc, 0)];
  };
  EXPECT_EQ(touch(0, 201, true), 1);
  EXPECT_EQ(touch(0, 202, false), 1);
  EXPECT_EQ(touch(1, 203, false), 3);
  EXPECT_EQ(touch(0, 204, false), 3);
  EXPECT_EQ(sites_[RaceDetector::SiteIndex(201, 0)], 3);
  EXPECT_EQ(sites_[RaceDetector::SiteIndex(202, 0)], 3);
}

TEST_F(RaceDetectorTest, WhatNobodyWritesIsNotShared) {
  for (int thread = 0; thread < 2; ++thread) {
    detector_.Check(threads_[thread], /*stack=*/0, reinterpret_cast<uintptr_t>(memory_), 4,
                    /*write=*/false, /*atomic=*/false, /*pc=*/301);
  }
  EXPECT_EQ(sites_[RaceDetector::SiteIndex(301, 0)], 1);
}

TEST_F(RaceDetectorTest, OtherBytesOfTheSameWordDoNotRace) {
  EXPECT_FALSE(Races(0, memory_, 4, true));
  EXPECT_FALSE(Races(1, memory_ + 4, 4, true));
  EXPECT_TRUE(Races(0, memory_ + 7, 4, true));
}

TEST_F(RaceDetectorTest, ReleaseAndAcquireOrder) {
  const uintptr_t flag = reinterpret_cast<uintptr_t>(memory_ + 8);
  EXPECT_FALSE(Races(0, memory_, 4, true));
  VectorClock release;
  detector_.StoreClock(threads_[0], kRelease, release);
  detector_.Publish(flag, release);
  detector_.AtomicLoad(threads_[1], flag, kAcquire);
  EXPECT_FALSE(Races(1, memory_, 4, true));
}

TEST_F(RaceDetectorTest, FencesOrderOnlyInPairs) {
  const uintptr_t flag = reinterpret_cast<uintptr_t>(memory_ + 8);
  EXPECT_FALSE(Races(0, memory_, 4, true));
  detector_.Fence(threads_[0], kRelease);
  VectorClock release;
  detector_.StoreClock(threads_[0], kRelaxed, release);
  detector_.Publish(flag, release);
  detector_.AtomicLoad(threads_[1], flag, kRelaxed);
  EXPECT_TRUE(Races(1, memory_, 4, false));
  detector_.Fence(threads_[1], kAcquire);
  EXPECT_FALSE(Races(1, memory_, 4, false));
}

TEST_F(RaceDetectorTest, ARelaxedStoreEndsAReleaseSequenceAndAnUpdateContinuesIt) {
  const uintptr_t flag = reinterpret_cast<uintptr_t>(memory_ + 8);
  EXPECT_FALSE(Races(0, memory_, 4, true));
  detector_.AtomicUpdate(threads_[0], flag, kRelease);
  detector_.AtomicUpdate(threads_[1], flag, kRelaxed);
  detector_.AtomicLoad(threads_[1], flag, kAcquire);
  EXPECT_FALSE(Races(1, memory_, 4, true));
  VectorClock release;
  detector_.StoreClock(threads_[1], kRelaxed, release);
  detector_.Publish(flag, release);
  detector_.AtomicLoad(threads_[0], flag, kAcquire);
  EXPECT_TRUE(Races(0, memory_, 4, true));
}

}  // namespace
}  // namespace explore
