// r2: use before publication. The flag is raised before the data is written, and
// neither is atomic: a plain race.
// Correct with EXPLORE_CORRECT=1: data first, then a release store of the flag.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace {

int* g_data = nullptr;
#if EXPLORE_CORRECT
std::atomic<bool> g_ready{false};
#else
volatile bool g_ready = false;
#endif

void Writer() {
#if EXPLORE_CORRECT
  g_data = new int(42);
  g_ready.store(true, std::memory_order_release);
#else
  g_ready = true;
  g_data = new int(42);
#endif
}

void Reader() {
  for (int i = 0; i < 20; ++i) {
#if EXPLORE_CORRECT
    if (!g_ready.load(std::memory_order_acquire)) continue;
#else
    if (!g_ready) continue;
#endif
    if (g_data == nullptr || *g_data != 42) {
      std::fprintf(stderr, "r2: used before publication\n");
      std::abort();
    }
    return;
  }
}

}  // namespace

int main() {
  std::thread reader(Reader);
  std::thread writer(Writer);
  reader.join();
  writer.join();
  delete g_data;
  return 0;
}
