#include "runtime/alloc/heap_bundle.h"

#include <cstring>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/alloc/alloc_test_util.h"
#include "runtime/base/fault_point.h"
#include "runtime/base/sanitizer.h"
#include "runtime/base/thread_id.h"

namespace rt {
namespace {

constexpr HeapKind kKinds[] = {HeapKind::kMemory, HeapKind::kObject, HeapKind::kCollectable,
                               HeapKind::kCollectablePrefix};

class HeapBundleTest : public testing::Test {
 protected:
  HeapBundleTest() : id_(NextThreadStateId()), identity_(id_) {
    hold_.Open();
    bundle_ = HeapBundle::Allocate(hold_.hold());
    bundle_->Bind(id_);
  }
  ~HeapBundleTest() override {
    if (bundle_ != nullptr) HeapBundle::Destroy(bundle_);
  }

  void* New(HeapKind kind, size_t bytes) { return HeapAllocate(bundle_, kind, bytes); }
  int64_t LiveBlocks() { return bundle_->CountBlocks().total().block_count; }

  const ThreadId id_;
  const ScopedIdentity identity_;
  ManualPageHold hold_;
  HeapBundle* bundle_;
};

TEST_F(HeapBundleTest, BlocksAreAlignedUsableAndOfTheirKind) {
  std::vector<void*> blocks;
  for (HeapKind kind : kKinds) {
    for (size_t bytes : {0u, 1u, 16u, 24u, 40u, 48u, 100u, 1000u, 9000u, 70000u, 200000u}) {
      void* const block = New(kind, bytes);
      ASSERT_NE(block, nullptr);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 16, 0u);
      EXPECT_EQ(HeapBlockKind(block), kind);
      EXPECT_GE(HeapBlockBytes(block), bytes);
      std::memset(block, 0x5A, bytes);
      blocks.push_back(block);
    }
  }
  EXPECT_EQ(LiveBlocks(), static_cast<int64_t>(blocks.size()));
  bundle_->CheckInvariants();
  for (void* block : blocks) HeapFree(block);
  EXPECT_EQ(LiveBlocks(), 0);
  bundle_->CheckInvariants();
}

TEST_F(HeapBundleTest, CountsPerHeap) {
  void* const number = New(HeapKind::kObject, 40);
  void* const list = New(HeapKind::kObject, 48);
  void* const array = New(HeapKind::kMemory, 4000);
  const HeapBundleUsage usage = bundle_->CountBlocks();
  EXPECT_EQ(usage.of(HeapKind::kObject).block_count, 2);
  EXPECT_GE(usage.of(HeapKind::kObject).block_bytes, 88);
  EXPECT_EQ(usage.of(HeapKind::kMemory).block_count, 1);
  EXPECT_GE(usage.of(HeapKind::kMemory).block_bytes, 4000);
  EXPECT_EQ(usage.of(HeapKind::kCollectable).block_count, 0);
  EXPECT_EQ(usage.segment_count, 1);
  for (void* block : {number, list, array}) HeapFree(block);
  EXPECT_EQ(bundle_->CountBlocks().total().block_bytes, 0);
}

TEST_F(HeapBundleTest, VisitsExactlyTheLiveBlocks) {
  std::set<void*> live;
  std::vector<void*> dead;
  for (int i = 0; i < 5000; ++i) {
    void* const block = New(kKinds[i % 4], 16 + (i % 37) * 24);
    if (i % 3 == 0) {
      dead.push_back(block);
    } else {
      live.insert(block);
    }
  }
  void* const huge = New(HeapKind::kObject, size_t{40} << 20);
  live.insert(huge);
  for (void* block : dead) HeapFree(block);
  std::set<void*> seen;
  EXPECT_TRUE(bundle_->VisitBlocks(
      [](void* argument, HeapKind kind, void* block, size_t bytes) {
        EXPECT_EQ(HeapBlockKind(block), kind);
        EXPECT_EQ(HeapBlockBytes(block), bytes);
        static_cast<std::set<void*>*>(argument)->insert(block);
        return true;
      },
      &seen));
  EXPECT_EQ(seen, live);
  int calls = 0;
  EXPECT_FALSE(bundle_->VisitBlocks(
      [](void* argument, HeapKind, void*, size_t) { return ++*static_cast<int*>(argument) < 3; },
      &calls));
  EXPECT_EQ(calls, 3);
  for (void* block : live) HeapFree(block);
  EXPECT_EQ(LiveBlocks(), 0);
}

TEST_F(HeapBundleTest, EmptyAfterCollectWhenGoalsAreReached) {
  std::vector<void*> blocks;
  for (int i = 0; i < 3000; ++i) blocks.push_back(New(kKinds[i % 4], 64));
  EXPECT_FALSE(bundle_->IsEmpty());
  for (void* block : blocks) HeapFree(block);
  EXPECT_EQ(bundle_->Collect(/*force=*/true), 0);
  EXPECT_TRUE(bundle_->IsEmpty());
  EXPECT_EQ(bundle_->CountBlocks().segment_count, 0);
}

TEST_F(HeapBundleTest, DeadHeadersStayAsTheyWere) {
  for (HeapKind kind : {HeapKind::kObject, HeapKind::kCollectable, HeapKind::kCollectablePrefix}) {
    auto* const keep = static_cast<uint64_t*>(New(kind, 64));
    auto* const words = static_cast<uint64_t*>(New(kind, 64));
    for (uint64_t i = 0; i < 8; ++i) words[i] = 1000 + i;
    HeapFree(words);
    const size_t probe_words = HeaderProbeBytes(kind) / 8;
    // The first word is the link; the others are what a late reader may see.
    for (size_t i = 1; i < probe_words; ++i) EXPECT_EQ(words[i], 1000 + i);
    HeapFree(keep);
  }
}

TEST_F(HeapBundleTest, DeadPayloadIsPoisonedOrFilled) {
  for (HeapKind kind : kKinds) {
    auto* const keep = static_cast<char*>(New(kind, 64));
    auto* const block = static_cast<unsigned char*>(New(kind, 64));
    std::memset(block, 1, 64);
    const size_t probe = HeaderProbeBytes(kind);
    EXPECT_FALSE(IsPoisoned(block + 63));
    HeapFree(block);
    if (kAddressSanitizer) {
      for (size_t i = 0; i < 64; ++i) {
        EXPECT_EQ(IsPoisoned(block + i), i >= probe) << i;
      }
    } else if (RT_CHECKS) {
      // Behind the link.
      for (size_t i = probe < 8 ? 8 : probe; i < 64; ++i) {
        EXPECT_EQ(block[i], 0xDD) << i;
      }
    }
    HeapFree(keep);
  }
}

TEST_F(HeapBundleTest, BytesBehindTheBlockArePoisoned) {
  if (!kAddressSanitizer) GTEST_SKIP() << "needs AddressSanitizer";
  for (size_t bytes : {16u, 20u, 24u, 100u, 5000u}) {
    auto* const block = static_cast<char*>(New(HeapKind::kMemory, bytes));
    EXPECT_FALSE(IsPoisoned(block + bytes - 1));
    EXPECT_TRUE(IsPoisoned(block + bytes));
    HeapFree(block);
  }
}

TEST_F(HeapBundleTest, FailsWhereTheHookSays) {
  static int countdown;
  countdown = 3;
  SetFaultHook([](const char* name) {
    return std::strcmp(name, "alloc.heap_block") == 0 && --countdown == 0;
  });
  void* const first = New(HeapKind::kObject, 40);
  void* const second = New(HeapKind::kObject, 40);
  EXPECT_NE(first, nullptr);
  EXPECT_NE(second, nullptr);
  EXPECT_EQ(New(HeapKind::kObject, 40), nullptr);
  SetFaultHook([](const char* name) { return std::strcmp(name, "alloc.heap_bundle") == 0; });
  EXPECT_EQ(HeapBundle::Allocate(hold_.hold()), nullptr);
  SetFaultHook([](const char* name) { return std::strcmp(name, "base.raw_allocate") == 0; });
  EXPECT_EQ(HeapBundle::Allocate(hold_.hold()), nullptr);
  SetFaultHook(nullptr);
  EXPECT_EQ(LiveBlocks(), 2);
  HeapFree(first);
  HeapFree(second);
}

TEST_F(HeapBundleTest, AbsurdSizesAreOutOfMemory) {
  EXPECT_EQ(New(HeapKind::kMemory, SIZE_MAX), nullptr);
  EXPECT_EQ(New(HeapKind::kMemory, SIZE_MAX / 2 + 1), nullptr);
  EXPECT_EQ(New(HeapKind::kMemory, size_t{1} << 50), nullptr);
  EXPECT_EQ(LiveBlocks(), 0);
}

TEST_F(HeapBundleTest, NullIsFreedWithoutEffect) { HeapFree(nullptr); }

TEST_F(HeapBundleTest, LocalOverflowOfAPageIsReused) {
  // Fills pages, frees them, and fills them again: memory must not grow.
  std::vector<void*> blocks(20000);
  int64_t first_bytes = 0;
  for (int round = 0; round < 5; ++round) {
    for (void*& block : blocks) block = New(HeapKind::kObject, 40);
    const int64_t bytes = bundle_->CountBlocks().segment_bytes;
    if (round == 0) first_bytes = bytes;
    EXPECT_EQ(bytes, first_bytes);
    for (void* block : blocks) HeapFree(block);
  }
  EXPECT_EQ(LiveBlocks(), 0);
}

using HeapBundleDeathTest = HeapBundleTest;

TEST_F(HeapBundleDeathTest, AllocatingFromAnotherThreadStatesBundleDies) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const ScopedIdentity other(NextThreadStateId());
  EXPECT_DEATH((void)New(HeapKind::kObject, 40), "I1");
}

TEST_F(HeapBundleDeathTest, BindingABoundBundleDies) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(bundle_->Bind(NextThreadStateId()), "I1");
}

// Destroying gives every mapping back, live blocks included.
TEST(HeapBundleMemoryTest, DestroyReturnsAllMemory) {
  const ThreadId id = NextThreadStateId();
  const ScopedIdentity identity(id);
  ManualPageHold hold;  // No goal is ever reached: pages are held to the end.
  int64_t mapped_before = 0;
  int64_t mappings_before = 0;
  for (int round = 0; round < 60; ++round) {
    if (round == 10) {  // The first rounds warm the C library's arenas.
      mapped_before = MappedBytes();
      mappings_before = MappingCount();
    }
    HeapBundle* const bundle = HeapBundle::Allocate(hold.hold());
    bundle->Bind(id);
    std::vector<void*> blocks;
    for (int i = 0; i < 2000; ++i) {
      blocks.push_back(HeapAllocate(bundle, kKinds[i % 4], 16 + i % 500));
    }
    blocks.push_back(HeapAllocate(bundle, HeapKind::kMemory, 3 << 20));
    blocks.push_back(HeapAllocate(bundle, HeapKind::kObject, 50 << 20));
    for (void* block : blocks) HeapFree(block);
    HeapBundle::Destroy(bundle);
  }
  // Less than one segment (32 MiB) for 50 bundles.
  EXPECT_LT(MappedBytes() - mapped_before, int64_t{32} << 20);
  EXPECT_LE(MappingCount() - mappings_before, 8);
}

}  // namespace
}  // namespace rt
