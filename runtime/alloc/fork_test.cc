// Method: several threads allocate, free into each other's bundles and meet at
// a barrier; the process forks there, as it does while the world is stopped.
// The child has one thread and all the bundles.
#include <sys/wait.h>
#include <unistd.h>

#include <barrier>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/alloc/alloc_test_util.h"
#include "runtime/alloc/bundle_pool.h"
#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/thread_id.h"
#include "runtime/sync/parking_lot.h"

namespace rt {
namespace {

constexpr int kThreads = 3;
constexpr int kBlocks = 2000;

struct Shared {
  ManualPageHold hold;
  BundlePool pool;
  HeapBundle* bundles[kThreads] = {};
  std::vector<void*> blocks[kThreads];
};

// Returns 0 when everything is as it must be, else which step failed.
int RunChild(Shared& shared) {
  ParkingLot::AfterForkChild();
  shared.pool.AfterForkChild();
  const ThreadId id = NextThreadStateId();
  const ScopedIdentity identity(id);
  // The dead threads' bundles, each half freed into by a neighbour.
  for (HeapBundle* bundle : shared.bundles) shared.pool.Park(bundle);
  const int64_t expected = kThreads * kBlocks / 2;
  if (shared.pool.CountBlocksWorldStopped().total().block_count != expected) {
    return 1;
  }
  shared.pool.CheckInvariantsWorldStopped();
  bool adopted = false;
  HeapBundle* const mine = shared.pool.Adopt(id, shared.hold.hold(), &adopted);
  if (mine == nullptr || !adopted) return 2;
  mine->CheckInvariants();
  // Frees into its own and the parked ones, with another thread at it as well.
  std::thread([&] {
    const ScopedIdentity other(NextThreadStateId());
    for (void* block : shared.blocks[0]) HeapFree(block);
  }).join();
  for (int t = 1; t < kThreads; ++t) {
    for (void* block : shared.blocks[t]) HeapFree(block);
  }
  if (mine->CountBlocks().total().block_count != 0) return 3;
  void* const fresh = HeapAllocate(mine, HeapKind::kObject, 40);
  if (fresh == nullptr) return 4;
  HeapFree(fresh);
  shared.pool.Park(mine);
  shared.pool.Collect();
  if (shared.pool.CountBlocksWorldStopped().total().block_count != 0) return 5;
  shared.pool.DestroyAll();
  return shared.pool.parked_count() == 0 ? 0 : 6;
}

TEST(AllocForkTest, ChildTakesOverTheBundlesOfDeadThreads) {
  for (int round = 0; round < 5; ++round) {
    Shared shared;
    shared.hold.Open();
    std::barrier meet(kThreads + 1);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        const ThreadId id = NextThreadStateId();
        const ScopedIdentity identity(id);
        HeapBundle* const mine = shared.pool.Adopt(id, shared.hold.hold());
        shared.bundles[t] = mine;
        std::vector<void*> blocks;
        for (int i = 0; i < kBlocks; ++i) {
          blocks.push_back(
              HeapAllocate(mine, static_cast<HeapKind>(i % kHeapKindCount), 16 + i % 200));
        }
        shared.blocks[t] = blocks;
        meet.arrive_and_wait();
        // The neighbour's first half, from here.
        std::vector<void*>& theirs = shared.blocks[(t + 1) % kThreads];
        for (int i = 0; i < kBlocks / 2; ++i) HeapFree(theirs[i]);
        meet.arrive_and_wait();
        meet.arrive_and_wait();  // Forked behind this one.
        shared.pool.Park(mine);
      });
    }
    meet.arrive_and_wait();
    meet.arrive_and_wait();
    for (std::vector<void*>& blocks : shared.blocks) {
      blocks.erase(blocks.begin(), blocks.begin() + kBlocks / 2);
    }
    shared.pool.BeforeFork();
    const pid_t child = fork();
    if (child == 0) _exit(RunChild(shared));
    shared.pool.AfterForkParent();
    meet.arrive_and_wait();
    for (std::thread& thread : threads) thread.join();
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
        << "child ended with status " << status;
    // The parent's are untouched by what the child did.
    EXPECT_EQ(shared.pool.CountBlocksWorldStopped().total().block_count, kThreads * kBlocks / 2);
    for (std::vector<void*>& blocks : shared.blocks) {
      for (void* block : blocks) HeapFree(block);
    }
    EXPECT_EQ(shared.pool.CountBlocksWorldStopped().total().block_count, 0);
    shared.pool.DestroyAll();
  }
}

}  // namespace
}  // namespace rt
