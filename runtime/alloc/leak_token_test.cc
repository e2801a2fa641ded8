// Method: each case runs in a forked child, whose LeakSanitizer report the
// parent reads, because a process that has reported a leak fails at its exit.
#include "runtime/alloc/leak_token.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/alloc/alloc_test_util.h"
#include "runtime/alloc/bundle_pool.h"
#include "runtime/alloc/freelist.h"
#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/sanitizer.h"
#include "runtime/base/thread_id.h"

namespace rt {
namespace {

struct ChildOutcome {
  bool has_leak = false;
  std::string report;
};

// Runs `work` in a child, then LeakSanitizer's check.
template <typename Work>
ChildOutcome RunInChild(Work work) {
  int fds[2];
  if (pipe(fds) != 0) return {};
  const pid_t child = fork();
  if (child == 0) {
    dup2(fds[1], 2);
    close(fds[0]);
    close(fds[1]);
    work();
#if RT_ASAN
    _exit(__lsan_do_recoverable_leak_check() != 0 ? 1 : 0);
#endif
    _exit(2);
  }
  close(fds[1]);
  ChildOutcome outcome;
  char buffer[4096];
  for (ssize_t got; (got = read(fds[0], buffer, sizeof(buffer))) > 0;) {
    outcome.report.append(buffer, static_cast<size_t>(got));
  }
  close(fds[0]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status)) << outcome.report;
  EXPECT_NE(WEXITSTATUS(status), 2);
  outcome.has_leak = WEXITSTATUS(status) == 1;
  return outcome;
}

// A function of its own and not inlined, so that no stale copies of addresses
// stay in the frame that is checked.
[[gnu::noinline]] HeapBundle* MakeBundle(ManualPageHold* hold) {
  HeapBundle* const bundle = HeapBundle::Allocate(hold->hold());
  bundle->Bind(CurrentThreadId());
  return bundle;
}

[[gnu::noinline]] void LoseBlocks(HeapBundle* bundle, int lost, int freed) {
  std::vector<void*> blocks;
  for (int i = 0; i < lost + freed; ++i) {
    blocks.push_back(HeapAllocate(bundle, static_cast<HeapKind>(i % kHeapKindCount), 48));
  }
  for (int i = 0; i < freed; ++i) HeapFree(blocks[lost + i]);
}

[[gnu::noinline]] void LoseBlocksAndDestroy(int lost, int freed) {
  const ScopedIdentity identity(NextThreadStateId());
  ManualPageHold hold;
  HeapBundle* const bundle = MakeBundle(&hold);
  LoseBlocks(bundle, lost, freed);
  HeapBundle::Destroy(bundle);
}

TEST(LeakTokenTest, BlocksThatOutliveTheirBundleAreReported) {
  const ChildOutcome outcome =
      RunInChild([] { LoseBlocksAndDestroy(/*lost=*/200, /*freed=*/300); });
  EXPECT_TRUE(outcome.has_leak);
  EXPECT_NE(outcome.report.find("LeakSanitizer: detected memory leaks"), std::string::npos)
      << outcome.report;
  // The stack is that of the block's allocation.
  EXPECT_NE(outcome.report.find("HeapAllocate"), std::string::npos) << outcome.report;
  // Stray copies of an address may hide a few, never most.
  const size_t summary = outcome.report.find(" allocation(s).");
  ASSERT_NE(summary, std::string::npos) << outcome.report;
  const size_t number = outcome.report.rfind(" in ", summary) + 4;
  const int64_t count = std::stoll(outcome.report.substr(number));
  EXPECT_LE(count, 200);
  EXPECT_GE(count, 195);
}

TEST(LeakTokenTest, OneLostBlockIsReported) {
  EXPECT_TRUE(RunInChild([] { LoseBlocksAndDestroy(1, 20); }).has_leak);
}

TEST(LeakTokenTest, FreedBlocksAreNotReported) {
  const ChildOutcome outcome = RunInChild([] { LoseBlocksAndDestroy(0, 500); });
  EXPECT_FALSE(outcome.has_leak) << outcome.report;
}

TEST(LeakTokenTest, BlocksOfALivingBundleAreNotReported) {
  static ManualPageHold hold;
  static HeapBundle* living;
  static BundlePool* pool;
  const ChildOutcome outcome = RunInChild([] {
    const ScopedIdentity identity(NextThreadStateId());
    living = MakeBundle(&hold);
    LoseBlocks(living, 100, 100);
    pool = new BundlePool();
    HeapBundle* const parked = MakeBundle(&hold);
    LoseBlocks(parked, 100, 100);
    pool->Park(parked);
  });
  EXPECT_FALSE(outcome.has_leak) << outcome.report;
}

[[gnu::noinline]] void ReuseThroughFreelistAndLose(HeapBundle* bundle, Freelist* list) {
  void* const block = list->Pop();
  EXPECT_NE(block, nullptr);
  (void)bundle;
}

TEST(LeakTokenTest, AReusedBlockIsReportedWhereItWasReused) {
  const ChildOutcome outcome = RunInChild([] {
    const ScopedIdentity identity(NextThreadStateId());
    ManualPageHold hold;
    HeapBundle* const bundle = MakeBundle(&hold);
    Freelist list(4, 48, 24);
    for (int i = 0; i < 3; ++i) {
      (void)list.Push(HeapAllocate(bundle, HeapKind::kObject, 48));
    }
    ReuseThroughFreelistAndLose(bundle, &list);
    list.Clear();
    HeapBundle::Destroy(bundle);
  });
  EXPECT_TRUE(outcome.has_leak);
  EXPECT_NE(outcome.report.find("ReuseThroughFreelistAndLose"), std::string::npos) << outcome.report;
}

}  // namespace
}  // namespace rt
