// r6: store buffering. Each thread raises its flag and looks at the other's; with
// relaxed atomics both may miss. No sequentially consistent schedule shows it.
// Correct with EXPLORE_CORRECT=1: a full fence between store and load.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace {

std::atomic<int> g_flag[2];
std::atomic<int> g_inside{0};

void Enter(int me) {
  for (int i = 0; i < 3; ++i) {
    g_flag[me].store(1, std::memory_order_relaxed);
#if EXPLORE_CORRECT
    std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
    if (g_flag[1 - me].load(std::memory_order_relaxed) == 0) {
      if (g_inside.fetch_add(1) != 0) {
        std::fprintf(stderr, "r6: both are inside\n");
        std::abort();
      }
      g_inside.fetch_sub(1);
    }
    g_flag[me].store(0, std::memory_order_release);
  }
}

}  // namespace

int main() {
  std::thread first(Enter, 0);
  std::thread second(Enter, 1);
  first.join();
  second.join();
  return 0;
}
