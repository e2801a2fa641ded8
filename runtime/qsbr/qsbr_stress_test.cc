// Reclamation under load: readers follow shared pointers without a lock while
// writers replace the nodes and free the old ones once their goal is reached. A
// freed node first loses its canary. A node freed too early is seen as a wrong
// canary in plain, a use after free in asan and a race in tsan. Threads attach,
// detach, come and go, so slots are reused and blocks are added meanwhile.
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <random>
#include <thread>
#include <vector>

#include "runtime/base/atomic.h"
#include "runtime/base/raw_memory.h"
#include "runtime/base/sanitizer.h"
#include "runtime/qsbr/qsbr.h"
#include "runtime/qsbr/qsbr_slot.h"

namespace rt {
namespace {

constexpr QsbrMemory kMemory = {&RawAllocate, &RawFree};
constexpr uint64_t kAlive = 0x600d600d600d600d;
constexpr uint64_t kDead = 0xdeaddeaddeaddead;
constexpr int kPointerCount = 4;
constexpr int kRoundCount = (kAddressSanitizer || kThreadSanitizer) ? 4000 : 40000;

struct Node {
  uint64_t canary = kAlive;
  uint64_t same_canary = kAlive;
};

struct Shared {
  explicit Shared(QsbrSequence first) : qsbr(kMemory, first) {
    // relaxed: before any thread starts.
    for (Atomic<Node*>& pointer : pointers) pointer.store(new Node, std::memory_order_relaxed);
  }
  ~Shared() {
    for (Atomic<Node*>& pointer : pointers) delete pointer.load(std::memory_order_relaxed);
  }

  QsbrShared qsbr;
  Atomic<Node*> pointers[kPointerCount];
  Atomic<uint64_t> next_id{2};
  Atomic<int> writers_left{0};
  Atomic<int64_t> wrong_canaries{0};
  Atomic<int64_t> freed{0};
};

void ReadAll(Shared& shared) {
  for (const Atomic<Node*>& pointer : shared.pointers) {
    const Node* const node = pointer.load(std::memory_order_acquire);
    for (int look = 0; look < 3; ++look) {
      if (node->canary != kAlive || node->same_canary != kAlive) {
        shared.wrong_canaries.fetch_add(1, std::memory_order_relaxed);
      }
    }
  }
}

QsbrSlot& ReserveAttached(Shared& shared) {
  QsbrSlot* const slot =
      shared.qsbr.Reserve(shared.next_id.fetch_add(1, std::memory_order_relaxed));
  shared.qsbr.Attach(*slot);
  return *slot;
}

void LeaveAndRelease(Shared& shared, QsbrSlot& slot) {
  shared.qsbr.Detach(slot);
  shared.qsbr.Release(&slot);
}

// Reads; now and then detaches, or gives its slot back and takes another.
void Read(Shared& shared, uint64_t seed) {
  std::mt19937_64 random(seed);
  QsbrSlot* slot = &ReserveAttached(shared);
  while (shared.writers_left.load(std::memory_order_acquire) > 0) {
    ReadAll(shared);
    switch (random() % 8) {
      case 0:
        shared.qsbr.Detach(*slot);
        shared.qsbr.Attach(*slot);
        break;
      case 1:
        LeaveAndRelease(shared, *slot);
        slot = &ReserveAttached(shared);
        break;
      case 2:
        break;  // Lags.
      default:
        shared.qsbr.QuiescentState(*slot);
    }
  }
  LeaveAndRelease(shared, *slot);
}

// Replaces nodes; frees old ones in the order of their goals.
void Write(Shared& shared, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::deque<std::pair<Node*, QsbrSequence>> waiting;
  QsbrSlot& slot = ReserveAttached(shared);
  for (int round = 0; round < kRoundCount || !waiting.empty(); ++round) {
    if (round < kRoundCount) {
      Node* const old =
          shared.pointers[random() % kPointerCount].exchange(new Node, std::memory_order_acq_rel);
      const bool advance = random() % 4 == 0;
      waiting.emplace_back(old, advance ? shared.qsbr.Advance() : shared.qsbr.DeferredGoal());
    } else if (!shared.qsbr.IsReached(waiting.back().second)) {
      // What was deferred last waits for an advance.
      (void)shared.qsbr.Advance();
      std::this_thread::yield();
    }
    ReadAll(shared);
    shared.qsbr.QuiescentState(slot);
    while (!waiting.empty() && shared.qsbr.Poll(slot, waiting.front().second)) {
      Node* const node = waiting.front().first;
      waiting.pop_front();
      node->canary = kDead;
      node->same_canary = kDead;
      delete node;
      shared.freed.fetch_add(1, std::memory_order_relaxed);
    }
  }
  LeaveAndRelease(shared, slot);
  shared.writers_left.fetch_sub(1, std::memory_order_acq_rel);
}

void Stress(QsbrSequence first) {
  constexpr int kReaderCount = 3;
  constexpr int kWriterCount = 2;
  Shared shared(first);
  shared.writers_left.store(kWriterCount, std::memory_order_relaxed);
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriterCount; ++i) {
    threads.emplace_back([&shared, i] { Write(shared, static_cast<uint64_t>(i) + 1); });
  }
  for (int i = 0; i < kReaderCount; ++i) {
    threads.emplace_back([&shared, i] { Read(shared, static_cast<uint64_t>(i) + 100); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(shared.wrong_canaries.load(std::memory_order_relaxed), 0);
  EXPECT_EQ(shared.freed.load(std::memory_order_relaxed), int64_t{kWriterCount} * kRoundCount);
  EXPECT_EQ(shared.qsbr.slots_in_use_count(), 0u);
  EXPECT_EQ(shared.qsbr.slot_capacity_count(), 8u);
  shared.qsbr.CheckInvariantsWorldStopped();
}

TEST(QsbrStressTest, NoReaderSeesAFreedNode) { Stress(kQsbrFirstSequence); }

TEST(QsbrStressTest, NoReaderSeesAFreedNodeAcrossTheWrap) { Stress(QsbrSequence{0} - 2001); }

TEST(QsbrStressTest, BlocksAreAddedWhileOthersScan) {
  // One thread unlinks and polls without pause while another reserves slots in
  // ever new blocks and reads through each.
  Shared shared(kQsbrFirstSequence);
  shared.writers_left.store(1, std::memory_order_relaxed);
  std::thread writer([&shared] { Write(shared, 1); });
  std::vector<QsbrSlot*> slots;
  while (shared.writers_left.load(std::memory_order_acquire) > 0 && slots.size() < 500) {
    QsbrSlot& slot = ReserveAttached(shared);
    ReadAll(shared);
    shared.qsbr.Detach(slot);
    slots.push_back(&slot);
  }
  writer.join();
  EXPECT_EQ(shared.wrong_canaries.load(std::memory_order_relaxed), 0);
  EXPECT_EQ(shared.qsbr.slots_in_use_count(), slots.size());
  shared.qsbr.CheckInvariantsWorldStopped();
  for (QsbrSlot* slot : slots) shared.qsbr.Release(slot);
}

}  // namespace
}  // namespace rt
