// Kernels of the engine's own tests and of its benchmark.
#include <atomic>
#include <cstdlib>

#include "stressd/explore/annotate.h"
#include "stressd/explore/kernel.h"
#include "stressd/explore/optional.h"

namespace {

std::atomic<int> g_total{0};
std::atomic<int> g_flag[2];
std::atomic<int> g_seen[2];
int g_data = 0;
int g_made[3];
int* g_block = nullptr;
thread_local int g_own = 0;
alignas(8) long g_pool[8];  // One block of a pool.

void Reset() {
  g_total = 0;
  g_data = 0;
  for (int i = 0; i < 2; ++i) g_flag[i] = g_seen[i] = 0;
  for (int& made : g_made) made = 0;
}

// The yardstick of speed: three threads, about a hundred steps in all.
void Count(int) {
  for (int i = 0; i < 33; ++i) g_total.fetch_add(1, std::memory_order_relaxed);
}
const char* CheckCount() { return g_total == 99 ? nullptr : "additions were lost"; }

// A lost update: load and store instead of an addition.
void CountLossy(int) {
  for (int i = 0; i < 2; ++i) g_total.store(g_total.load() + 1);
}
const char* CheckLossy() { return g_total == 4 ? nullptr : "additions were lost"; }

// The same with a thread and turns that it can do without: parts 0 to 2 are the threads,
// 3 to 8 their turns.
void CountSpare(int index) {
  if (stress_explore_keeps(index) == 0) return;
  for (int turn = 0; turn < 2; ++turn) {
    if (stress_explore_keeps(3 + index * 2 + turn) == 0) continue;
    g_total.store(g_total.load() + 1);
    ++g_made[index];
  }
}
const char* CheckSpare() {
  return g_total == g_made[0] + g_made[1] + g_made[2] ? nullptr : "additions were lost";
}
// Thread 1 comes too early, which takes no preemption; thread 0 and what it does are no
// part of that mistake, and yet without them it would come too early always. Thread 2 is
// not needed.
void ComeTooEarly(int index) {
  if (stress_explore_keeps(index) == 0) return;
  if (index == 0 && stress_explore_keeps(3) != 0) g_flag[0].store(1);
  if (index == 1 && g_flag[0].load() == 0) explore_fail("too early");
  if (index == 2) g_total.fetch_add(1);
}
void AskTooMuch(int) { (void)stress_explore_keeps(64); }

// Publication through fences: no race, whatever ThreadSanitizer says.
void PublishFenced(int index) {
  if (index == 0) {
    g_data = 1;
    std::atomic_thread_fence(std::memory_order_release);
    g_flag[0].store(1, std::memory_order_relaxed);
  } else if (g_flag[0].load(std::memory_order_relaxed) == 1) {
    std::atomic_thread_fence(std::memory_order_acquire);
    EXPLORE_CHECK(g_data == 1);
  }
}

// The same without the reader's fence: a race.
void PublishHalfFenced(int index) {
  if (index == 0) {
    g_data = 1;
    std::atomic_thread_fence(std::memory_order_release);
    g_flag[0].store(1, std::memory_order_relaxed);
  } else if (g_flag[0].load(std::memory_order_relaxed) == 1) {
    EXPLORE_CHECK(g_data == 1);
  }
}

// Relaxed stores to two variables: only a model in which they pass each other
// shows the second without the first.
void MessagePassing(int index) {
  if (index == 0) {
    g_flag[0].store(1, std::memory_order_relaxed);
    g_flag[1].store(1, std::memory_order_relaxed);
  } else if (g_flag[1].load(std::memory_order_relaxed) == 1) {
    EXPLORE_CHECK(g_flag[0].load(std::memory_order_relaxed) == 1);
  }
}

void StoreBuffering(int index) {
  g_flag[index].store(1, std::memory_order_release);
  g_seen[index].store(g_flag[1 - index].load(std::memory_order_acquire) + 1);
}
const char* CheckStoreBuffering() {
  return g_seen[0] == 1 && g_seen[1] == 1 ? "both missed the other's store" : nullptr;
}

void SetUpBlock() {
  Reset();
  g_block = static_cast<int*>(std::malloc(64));
  *g_block = 0;
}
void UseFreed(int index) {
  if (index == 0) {
    if (g_flag[0].load() == 0) *g_block = 1;
  } else {
    g_flag[0].store(1);
    std::free(g_block);
  }
}
void FreeTwice(int) {
  if (g_total.load() == 0) {
    g_total.store(1);
    std::free(g_block);
  }
}

// The pool takes its block back, and says so; everything is ordered, so nothing races. The first
// word is the pool's own again.
void GiveBackToPool() {
  stress_explore_poison(g_pool, sizeof(g_pool));
  stress_explore_unpoison(g_pool, sizeof(g_pool[0]));
  g_pool[0] = 1;
}
void PoolUseFreed(int index) {
  if (index == 0) {
    GiveBackToPool();
    g_flag[0].store(1, std::memory_order_release);
  } else if (g_flag[0].load(std::memory_order_acquire) == 1) {
    g_pool[7] = 1;
  }
}
void PoolFreeTwice(int index) {
  if (index == 0) {
    GiveBackToPool();
    g_flag[0].store(1, std::memory_order_release);
  } else if (g_flag[0].load(std::memory_order_acquire) == 1) {
    GiveBackToPool();
  }
}
void PoolRacingFree(int index) {
  if (index == 0) {
    if (g_flag[0].load() == 0) g_pool[7] = 1;
  } else {
    g_flag[0].store(1);
    stress_explore_poison(g_pool, sizeof(g_pool));
  }
}
void PoolReuse(int index) {
  if (index == 0) {
    GiveBackToPool();
    g_flag[0].store(1, std::memory_order_release);
  } else if (g_flag[0].load(std::memory_order_acquire) == 1) {
    stress_explore_unpoison(g_pool, sizeof(g_pool));
    g_pool[7] = 1;
  }
}

// Waits for the other by spinning: must end under every strategy.
void Spin(int index) {
  if (index == 0) {
    while (g_flag[0].load(std::memory_order_acquire) == 0) {
    }
    g_data = 2;
  } else {
    g_data = 1;
    g_flag[0].store(1, std::memory_order_release);
  }
}
// Both wait for the other: no end.
void SpinForEver(int index) {
  while (g_flag[index].load() == 0) {
  }
}

// Thread-local variables start over in each schedule.
void ThreadLocal(int) { EXPLORE_CHECK(++g_own == 1); }

void Crash(int index) {
  if (index == 1 && g_total.fetch_add(1) == 0) *reinterpret_cast<volatile int*>(8) = 1;
  if (index == 0) g_total.fetch_add(1);
}

const explore_kernel kKernels[] = {
    {"count", "three threads add 33 times each", 3, Reset, Count, CheckCount},
    {"lossy", "load and store instead of an addition", 2, Reset, CountLossy, CheckLossy},
    {"spare", "three threads, two turns each, of which one each of two matter", 3, Reset,
     CountSpare, CheckSpare},
    {"too-early", "the first thread should be first", 3, Reset, ComeTooEarly, nullptr},
    {"ask-too-much", "an optional part of number 64", 2, Reset, AskTooMuch, nullptr},
    {"fenced", "publication through two fences", 2, Reset, PublishFenced, nullptr},
    {"half-fenced", "publication with one fence missing", 2, Reset, PublishHalfFenced, nullptr},
    {"message-passing", "two relaxed stores in order", 2, Reset, MessagePassing, nullptr},
    {"store-buffering", "two stores, two loads", 2, Reset, StoreBuffering, CheckStoreBuffering},
    {"use-freed", "an access that races with free", 2, SetUpBlock, UseFreed, nullptr},
    {"free-twice", "two threads free one block", 2, SetUpBlock, FreeTwice, nullptr},
    {"pool-use-freed", "an access to a dead block of a pool", 2, Reset, PoolUseFreed, nullptr},
    {"pool-free-twice", "two threads give a pool one block", 2, Reset, PoolFreeTwice, nullptr},
    {"pool-racing-free", "a death that races with an access", 2, Reset, PoolRacingFree, nullptr},
    {"pool-reuse", "a pool hands a block out again", 2, Reset, PoolReuse, nullptr},
    {"spin", "one thread spins for the other", 2, Reset, Spin, nullptr},
    {"spin-for-ever", "both spin", 2, Reset, SpinForEver, nullptr},
    {"thread-local", "thread_local variables are fresh", 2, Reset, ThreadLocal, nullptr},
    {"crash", "a write to address 8", 2, Reset, Crash, nullptr},
};

}  // namespace

int main(int argc, char** argv) {
  return explore_kernel_main(argc, argv, kKernels, sizeof(kKernels) / sizeof(kKernels[0]));
}
