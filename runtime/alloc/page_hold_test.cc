#include "runtime/alloc/page_hold.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/alloc/alloc_test_util.h"
#include "runtime/alloc/bundle_pool.h"
#include "runtime/alloc/heap_bundle.h"
#include "runtime/alloc/qsbr_page_hold.h"
#include "runtime/base/atomic.h"
#include "runtime/base/raw_memory.h"
#include "runtime/base/sanitizer.h"
#include "runtime/base/thread_id.h"

namespace rt {
namespace {

// More than a few 64 KiB pages of this size class.
constexpr int kManyBlocks = 6000;
constexpr size_t kBlockBytes = 64;

class PageHoldTest : public testing::Test {
 protected:
  PageHoldTest() : id_(NextThreadStateId()), identity_(id_) {
    bundle_ = HeapBundle::Allocate(hold_.hold());
    bundle_->Bind(id_);
  }
  ~PageHoldTest() override {
    if (bundle_ != nullptr) HeapBundle::Destroy(bundle_);
  }

  std::vector<void*> Fill(HeapKind kind, size_t bytes = kBlockBytes, int count = kManyBlocks) {
    std::vector<void*> blocks;
    for (int i = 0; i < count; ++i) {
      blocks.push_back(HeapAllocate(bundle_, kind, bytes));
    }
    return blocks;
  }
  static void FreeAll(const std::vector<void*>& blocks) {
    for (void* block : blocks) HeapFree(block);
  }
  HeapUsage Usage(HeapKind kind) { return bundle_->CountBlocks().of(kind); }

  const ThreadId id_;
  const ScopedIdentity identity_;
  ManualPageHold hold_;
  HeapBundle* bundle_;
};

TEST_F(PageHoldTest, EmptyObjectPagesWaitForTheirGoal) {
  FreeAll(Fill(HeapKind::kObject));
  bundle_->Collect(/*force=*/true);
  const HeapUsage held = Usage(HeapKind::kObject);
  EXPECT_EQ(held.block_count, 0);
  EXPECT_GT(held.held_page_count, 3);
  EXPECT_EQ(held.page_count, held.held_page_count);
  bundle_->CheckInvariants();
  // M-MI-03: walking and counting change nothing.
  bundle_->VisitBlocks([](void*, HeapKind, void*, size_t) { return true; }, nullptr);
  EXPECT_EQ(bundle_->Collect(/*force=*/true), held.held_page_count);
  hold_.ReleaseAll();
  EXPECT_EQ(bundle_->Collect(/*force=*/true), 0);
  EXPECT_TRUE(bundle_->IsEmpty());
}

TEST_F(PageHoldTest, MemoryPagesDoNotWait) {
  FreeAll(Fill(HeapKind::kMemory));
  bundle_->Collect(/*force=*/true);
  EXPECT_TRUE(bundle_->IsEmpty());
  EXPECT_EQ(hold_.drawn(), 0u);
}

TEST_F(PageHoldTest, PollGivesAwayInOrderAsGoalsAreReached) {
  const std::vector<void*> first = Fill(HeapKind::kObject);
  const std::vector<void*> second = Fill(HeapKind::kObject);
  FreeAll(first);
  hold_.ReleaseAll();
  FreeAll(second);
  bundle_->Collect(/*force=*/true);
  const int64_t held_before = Usage(HeapKind::kObject).held_page_count;
  EXPECT_GT(held_before, 0);
  bundle_->PollHeldPages();
  EXPECT_LE(Usage(HeapKind::kObject).held_page_count, held_before);
  hold_.Open();
  bundle_->PollHeldPages();
  EXPECT_EQ(Usage(HeapKind::kObject).held_page_count, 0);
  bundle_->CheckInvariants();
}

TEST_F(PageHoldTest, HeldPagesServeTheirOwnSizeClassAtOnce) {
  const std::vector<void*> blocks = Fill(HeapKind::kObject);
  FreeAll(blocks);
  const int64_t pages = Usage(HeapKind::kObject).page_count;
  const std::vector<void*> again = Fill(HeapKind::kObject);
  EXPECT_EQ(Usage(HeapKind::kObject).page_count, pages);
  EXPECT_EQ(Usage(HeapKind::kObject).held_page_count, 0);
  bundle_->CheckInvariants();
  FreeAll(again);
}

TEST_F(PageHoldTest, HeldPagesServeNoOtherSizeClass) {
  std::vector<void*> blocks = Fill(HeapKind::kObject);
  FreeAll(blocks);
  std::sort(blocks.begin(), blocks.end());
  // Another size class, and other heaps: none of it may come from those pages.
  // 64 KiB: blocks of one page are no further apart than that.
  const auto is_ours = [&](void* block) {
    const auto address = reinterpret_cast<uintptr_t>(block);
    const auto next = std::lower_bound(blocks.begin(), blocks.end(), block);
    return next != blocks.end() && reinterpret_cast<uintptr_t>(*next) - address < kBlockBytes;
  };
  for (int kind = 0; kind < kHeapKindCount; ++kind) {
    for (void* block : Fill(static_cast<HeapKind>(kind), 200, 2000)) {
      EXPECT_FALSE(is_ours(block));
      HeapFree(block);
    }
  }
}

// I2: a page that empties, is used and empties again needs a new goal, even
// when the first one has been reached meanwhile.
TEST_F(PageHoldTest, SecondDeathDrawsANewGoal) {
  FreeAll(Fill(HeapKind::kObject));
  bundle_->Collect(/*force=*/true);
  const std::vector<void*> again = Fill(HeapKind::kObject);
  hold_.ReleaseAll();
  const uint64_t drawn = hold_.drawn();
  FreeAll(again);
  bundle_->Collect(/*force=*/true);
  EXPECT_GT(hold_.drawn(), drawn);
  EXPECT_GT(Usage(HeapKind::kObject).held_page_count, 0);
  bundle_->CheckInvariants();
}

// M-MI-02: pages that were full when others emptied them can be used again
// while they wait.
TEST_F(PageHoldTest, FullPagesEmptiedByOthersAreUsable) {
  int64_t first_round_bytes = 0;
  for (int round = 0; round < 12; ++round) {
    const std::vector<void*> blocks = Fill(HeapKind::kObject, 64, 30000);
    const int64_t bytes = bundle_->CountBlocks().segment_bytes;
    if (round == 1) first_round_bytes = bytes;
    if (round > 1) EXPECT_LE(bytes, first_round_bytes);
    std::thread([&] {
      const ScopedIdentity other(NextThreadStateId());
      FreeAll(blocks);
    }).join();
    EXPECT_EQ(Usage(HeapKind::kObject).block_count, 0);
    bundle_->CheckInvariants();
  }
}

TEST_F(PageHoldTest, ManyHeldBytesAdvance) {
  FreeAll(Fill(HeapKind::kObject, 64, 20000));  // 1.2 MiB: many times 80 KiB.
  bundle_->Collect(/*force=*/true);
  EXPECT_GT(hold_.advances(), 5u);
}

// M-MI-01: the goals belong to the page's heap, whoever collects, parks or
// adopts it.
TEST_F(PageHoldTest, ParkingAndForeignCollectionKeepGoals) {
  BundlePool pool;
  const std::vector<void*> blocks = Fill(HeapKind::kObject);
  HeapBundle* const mine = bundle_;
  bundle_ = nullptr;
  pool.Park(mine);
  std::thread([&] {
    const ThreadId other_id = NextThreadStateId();
    const ScopedIdentity other(other_id);
    HeapBundle* const others = HeapBundle::Allocate(hold_.hold());
    others->Bind(other_id);
    FreeAll(blocks);
    pool.Collect();
    EXPECT_EQ(others->CountBlocks().total().held_page_count, 0);
    others->CheckInvariants();
    HeapBundle::Destroy(others);
  }).join();
  const int64_t held = pool.CountBlocksWorldStopped().of(HeapKind::kObject).held_page_count;
  EXPECT_GT(held, 3);
  pool.CheckInvariantsWorldStopped();
  const ThreadId heir = NextThreadStateId();
  const ScopedIdentity identity(heir);
  bundle_ = pool.Adopt(heir, hold_.hold());
  ASSERT_EQ(bundle_, mine);
  EXPECT_EQ(Usage(HeapKind::kObject).held_page_count, held);
  hold_.ReleaseAll();
  bundle_->PollHeldPages();
  EXPECT_EQ(Usage(HeapKind::kObject).held_page_count, 0);
}

// A reader without a lock follows a shared pointer to a block and loads its
// header words. Blocks die and pages empty under it; every block of the object
// heap carries a mark in the second word that only objects have, while the
// memory heap writes other words all over its pages. With pages held by QSBR
// the reader never meets anything but the mark.
TEST(PageHoldReaderTest, ReaderOfDeadBlocksMeetsObjectsOnly) {
  constexpr uint64_t kMark = 0x0B1EC7;
  constexpr int kRounds = kThreadSanitizer || kAddressSanitizer ? 40 : 300;
  QsbrShared qsbr(QsbrMemory{&RawAllocate, &RawFree});
  static thread_local const QsbrSlot* current_slot;
  QsbrPageHold hold(&qsbr, [](void*) -> const QsbrSlot* { return current_slot; }, nullptr);
  Atomic<uint64_t*> shared{nullptr};
  Atomic<bool> stop{false};
  Atomic<int64_t> read_count{0};
  std::thread reader([&] {
    QsbrSlot* const slot = qsbr.Reserve(NextThreadStateId());
    current_slot = slot;
    qsbr.Attach(*slot);
    // relaxed, all below: a flag and a statistic.
    while (!stop.load(std::memory_order_relaxed)) {
      // Holds the pointer for a while, the block may die meanwhile.
      // (T1) acquire load, synchronizes with the release store (T2): the mark.
      uint64_t* const block = shared.load(std::memory_order_acquire);
      if (block != nullptr) {
        for (int i = 0; i < 50; ++i) {
          ASSERT_EQ(LoadRelaxed(&block[1]), kMark);
        }
        read_count.fetch_add(1, std::memory_order_relaxed);
      }
      qsbr.QuiescentState(*slot);
    }
    qsbr.Detach(*slot);
    qsbr.Release(slot);
  });
  const ThreadId id = NextThreadStateId();
  const ScopedIdentity identity(id);
  QsbrSlot* const slot = qsbr.Reserve(id);
  current_slot = slot;
  qsbr.Attach(*slot);
  HeapBundle* const bundle = HeapBundle::Allocate(hold.hold());
  bundle->Bind(id);
  // Longer when the reader has not had its turn yet. relaxed: a statistic.
  for (int round = 0; round < kRounds || read_count.load(std::memory_order_relaxed) == 0; ++round) {
    std::vector<uint64_t*> objects;
    for (int i = 0; i < 1500; ++i) {
      auto* const object = static_cast<uint64_t*>(HeapAllocate(bundle, HeapKind::kObject, 48));
      StoreRelaxed(&object[1], kMark);
      objects.push_back(object);
      // (T2) release store, synchronizes with the acquire load (T1).
      if (i % 16 == 0) shared.store(object, std::memory_order_release);
    }
    // relaxed: null leads nowhere; what follows is ordered by QSBR.
    shared.store(nullptr, std::memory_order_relaxed);
    for (uint64_t* object : objects) HeapFree(object);
    // Wants pages, and would scribble over those that were given away early.
    std::vector<void*> buffers;
    for (int i = 0; i < 60; ++i) {
      const size_t words = 8000 / 8;
      auto* const buffer =
          static_cast<uint64_t*>(HeapAllocate(bundle, HeapKind::kMemory, words * 8));
      for (size_t w = 0; w < words; ++w) StoreRelaxed(&buffer[w], w);
      buffers.push_back(buffer);
    }
    for (void* buffer : buffers) HeapFree(buffer);
    qsbr.QuiescentState(*slot);
    bundle->Collect(/*force=*/round % 8 == 0);
  }
  stop.store(true, std::memory_order_relaxed);
  reader.join();
  EXPECT_GT(read_count.load(std::memory_order_relaxed), 0);
  bundle->CheckInvariants();
  qsbr.Advance();
  qsbr.QuiescentState(*slot);
  EXPECT_EQ(bundle->Collect(/*force=*/true), 0);
  EXPECT_TRUE(bundle->IsEmpty());
  HeapBundle::Destroy(bundle);
  qsbr.Detach(*slot);
  qsbr.Release(slot);
}

}  // namespace
}  // namespace rt
