#include "runtime/alloc/bundle_pool.h"

#include <cstring>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/alloc/alloc_test_util.h"
#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/fault_point.h"
#include "runtime/base/thread_id.h"

namespace rt {
namespace {

class BundlePoolTest : public testing::Test {
 protected:
  BundlePoolTest() { hold_.Open(); }
  ~BundlePoolTest() override { pool_.DestroyAll(); }

  HeapBundle* Adopt(ThreadId id, bool* adopted = nullptr) {
    return pool_.Adopt(id, hold_.hold(), adopted);
  }
  int64_t ParkedBlocks() { return pool_.CountBlocksWorldStopped().total().block_count; }

  ManualPageHold hold_;
  BundlePool pool_;
};

std::vector<void*> AllocateMany(HeapBundle* bundle, int count) {
  std::vector<void*> blocks;
  for (int i = 0; i < count; ++i) {
    const auto kind = static_cast<HeapKind>(i % kHeapKindCount);
    blocks.push_back(HeapAllocate(bundle, kind, 24 + i % 300));
  }
  return blocks;
}

TEST_F(BundlePoolTest, AdoptsAParkedBundleWithItsBlocks) {
  const ThreadId first = NextThreadStateId();
  bool adopted = true;
  HeapBundle* bundle = Adopt(first, &adopted);
  EXPECT_FALSE(adopted);
  std::vector<void*> blocks;
  {
    const ScopedIdentity identity(first);
    blocks = AllocateMany(bundle, 1000);
  }
  pool_.Park(bundle);
  EXPECT_EQ(bundle->owner_id(), 0u);
  EXPECT_EQ(pool_.parked_count(), 1);
  EXPECT_EQ(ParkedBlocks(), 1000);
  pool_.CheckInvariantsWorldStopped();

  const ThreadId second = NextThreadStateId();
  HeapBundle* const again = Adopt(second, &adopted);
  EXPECT_TRUE(adopted);
  EXPECT_EQ(again, bundle);
  EXPECT_EQ(pool_.parked_count(), 0);
  const ScopedIdentity identity(second);
  again->CheckInvariants();
  const std::vector<void*> more = AllocateMany(again, 500);
  EXPECT_EQ(again->CountBlocks().total().block_count, 1500);
  for (void* block : blocks) HeapFree(block);  // Local now.
  for (void* block : more) HeapFree(block);
  EXPECT_EQ(again->CountBlocks().total().block_count, 0);
  pool_.Park(again);
}

TEST_F(BundlePoolTest, RemoteFreesIntoAParkedBundleAreCollected) {
  const ThreadId id = NextThreadStateId();
  HeapBundle* const bundle = Adopt(id);
  std::vector<void*> blocks;
  {
    const ScopedIdentity identity(id);
    blocks = AllocateMany(bundle, 20000);
  }
  pool_.Park(bundle);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&blocks, t] {
      const ScopedIdentity identity(NextThreadStateId());
      for (size_t i = t; i < blocks.size(); i += 4) HeapFree(blocks[i]);
    });
  }
  // Collecting meanwhile is allowed, as often as one likes.
  for (int i = 0; i < 20; ++i) pool_.Collect();
  for (std::thread& thread : threads) thread.join();
  pool_.Collect();
  pool_.CheckInvariantsWorldStopped();
  EXPECT_EQ(ParkedBlocks(), 0);
  EXPECT_EQ(pool_.CountBlocksWorldStopped().segment_count, 0);
}

TEST_F(BundlePoolTest, ForeignThreadParksWhatTheOwnerLeft) {
  // The OS thread of the owner lives on, detached; a foreign thread parks the
  // bundle, another thread state adopts it, and the old OS thread frees into it.
  const ThreadId owner = NextThreadStateId();
  HeapBundle* bundle = nullptr;
  std::vector<void*> blocks;
  std::thread([&] {
    bundle = Adopt(owner);
    {
      const ScopedIdentity identity(owner);
      blocks = AllocateMany(bundle, 3000);
    }
    // Detached here; the foreign thread works meanwhile.
    std::thread([&] {
      const ScopedIdentity identity(NextThreadStateId());
      pool_.Park(bundle);
    }).join();
    // Attached again, as another thread state on the same OS thread.
    const ScopedIdentity identity(NextThreadStateId());
    for (size_t i = 0; i < blocks.size(); i += 2) HeapFree(blocks[i]);
  }).join();
  EXPECT_EQ(ParkedBlocks(), 1500);
  const ThreadId heir = NextThreadStateId();
  const ScopedIdentity identity(heir);
  HeapBundle* const adopted = Adopt(heir);
  ASSERT_EQ(adopted, bundle);
  for (size_t i = 1; i < blocks.size(); i += 2) HeapFree(blocks[i]);
  adopted->CheckInvariants();
  EXPECT_EQ(adopted->CountBlocks().total().block_count, 0);
  pool_.Park(adopted);
}

TEST_F(BundlePoolTest, RecycledOsThreadIsNotTheOldOwner) {
  // Threads one after the other reuse the same OS thread resources; each is a
  // new thread state, so frees of its predecessor's blocks are remote ones.
  std::vector<void*> left;
  for (int round = 0; round < 50; ++round) {
    std::thread([&] {
      const ThreadId id = NextThreadStateId();
      const ScopedIdentity identity(id);
      HeapBundle* const mine = HeapBundle::Allocate(hold_.hold());
      mine->Bind(id);
      for (void* block : left) HeapFree(block);
      left = AllocateMany(mine, 200);
      mine->CheckInvariants();
      pool_.Park(mine);
    }).join();
  }
  EXPECT_EQ(ParkedBlocks(), 200);
  for (void* block : left) HeapFree(block);
  EXPECT_EQ(ParkedBlocks(), 0);
}

// 20 rounds: threads allocate, hand half of their blocks to their neighbour,
// who frees them while the maker goes on, is parked or is adopted by another.
TEST_F(BundlePoolTest, ChurnKeepsExactBlockCounts) {
  constexpr int kThreads = 4;
  constexpr int kBlocks = 1200;
  struct Mailbox {
    Mutex mutex;
    std::vector<void*> blocks ABSL_GUARDED_BY(mutex);
  };
  std::vector<void*> kept;
  Mutex kept_mutex;
  for (int round = 0; round < 20; ++round) {
    Mailbox mailboxes[kThreads];
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        const ThreadId id = NextThreadStateId();
        const ScopedIdentity identity(id);
        HeapBundle* const mine = Adopt(id);
        std::vector<void*> own;
        for (int i = 0; i < kBlocks; ++i) {
          const auto kind = static_cast<HeapKind>((i + t) % kHeapKindCount);
          const size_t bytes = i % 100 == 0 ? 30000 : 16 + (i * 7) % 400;
          void* const block = HeapAllocate(mine, kind, bytes);
          std::memset(block, t, bytes);
          if (i % 2 == 0) {
            own.push_back(block);
          } else {
            Mailbox& next = mailboxes[(t + 1) % kThreads];
            MutexLock lock(next.mutex);
            next.blocks.push_back(block);
          }
          if (i % 64 == 0) {
            std::vector<void*> got;
            {
              MutexLock lock(mailboxes[t].mutex);
              got.swap(mailboxes[t].blocks);
            }
            for (void* each : got) HeapFree(each);
          }
        }
        // A tenth outlives its maker.
        MutexLock lock(kept_mutex);
        for (size_t i = 0; i < own.size(); ++i) {
          if (i % 10 == 0) {
            kept.push_back(own[i]);
          } else {
            HeapFree(own[i]);
          }
        }
        pool_.Park(mine);
      });
    }
    for (std::thread& thread : threads) thread.join();
    const ScopedIdentity identity(NextThreadStateId());
    for (Mailbox& mailbox : mailboxes) {
      MutexLock lock(mailbox.mutex);
      for (void* block : mailbox.blocks) HeapFree(block);
    }
    EXPECT_EQ(ParkedBlocks(), static_cast<int64_t>(kept.size()));
    pool_.CheckInvariantsWorldStopped();
    if (round % 4 == 3) {
      for (void* block : kept) HeapFree(block);
      kept.clear();
      pool_.Collect();
      EXPECT_EQ(ParkedBlocks(), 0);
      EXPECT_EQ(pool_.CountBlocksWorldStopped().segment_count, 0);
    }
  }
  EXPECT_LE(pool_.parked_count(), kThreads);
}

// M-MI-13: what others free into an idle heap is reused although only its
// sibling allocates.
TEST_F(BundlePoolTest, IdleHeapIsDrainedByItsBusySibling) {
  const ThreadId id = NextThreadStateId();
  const ScopedIdentity identity(id);
  HeapBundle* const bundle = Adopt(id);
  // 60 MiB of blocks so large that each is a page of its own, freed by others.
  std::vector<void*> buffers;
  for (int i = 0; i < 120; ++i) {
    buffers.push_back(HeapAllocate(bundle, HeapKind::kMemory, 500 << 10));
  }
  std::thread([&] {
    const ScopedIdentity other(NextThreadStateId());
    for (void* buffer : buffers) HeapFree(buffer);
  }).join();
  // 60 MiB of objects, and no more calls for memory blocks.
  std::vector<void*> objects;
  for (int i = 0; i < (60 << 20) / 8192; ++i) {
    objects.push_back(HeapAllocate(bundle, HeapKind::kObject, 8000));
  }
  EXPECT_LE(bundle->CountBlocks().segment_bytes, int64_t{96} << 20);
  for (void* object : objects) HeapFree(object);
  pool_.Park(bundle);
}

TEST_F(BundlePoolTest, CollectKeepsOnlyAFewEmptyBundles) {
  for (int i = 0; i < 12; ++i) {
    HeapBundle* const bundle = HeapBundle::Allocate(hold_.hold());
    pool_.Park(bundle);
  }
  EXPECT_EQ(pool_.parked_count(), 12);
  EXPECT_EQ(pool_.Collect(), 12);
  EXPECT_EQ(pool_.parked_count(), BundlePool::kEmptyKept);
}

TEST_F(BundlePoolTest, AdoptFailsWhenMemoryIsShort) {
  SetFaultHook([](const char*) { return true; });
  EXPECT_EQ(Adopt(NextThreadStateId()), nullptr);
  SetFaultHook(nullptr);
}

// Interpreters come and go: nothing of their memory stays.
TEST(BundlePoolMemoryTest, ManyPoolsLeaveNoMapping) {
  int64_t mapped_before = 0;
  int64_t mappings_before = 0;
  for (int round = 0; round < 50; ++round) {
    if (round == 10) {
      mapped_before = MappedBytes();
      mappings_before = MappingCount();
    }
    ManualPageHold hold;
    hold.Open();
    BundlePool pool;
    const ThreadId id = NextThreadStateId();
    const ScopedIdentity identity(id);
    HeapBundle* bundles[3];
    for (HeapBundle*& bundle : bundles) {
      bundle = pool.Adopt(id, hold.hold());
      for (void* block : AllocateMany(bundle, 2000)) HeapFree(block);
    }
    for (HeapBundle* bundle : bundles) pool.Park(bundle);
    pool.DestroyAll();
  }
  EXPECT_LT(MappedBytes() - mapped_before, int64_t{32} << 20);
  EXPECT_LE(MappingCount() - mappings_before, 8);
}

}  // namespace
}  // namespace rt
