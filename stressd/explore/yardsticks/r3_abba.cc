// r3: two locks taken in opposite orders: a deadlock.
// Correct with EXPLORE_CORRECT=1: one order.
#include <mutex>
#include <thread>

namespace {

std::mutex g_a;
std::mutex g_b;
int g_moved = 0;

void Move(std::mutex& first, std::mutex& second) {
  for (int i = 0; i < 2; ++i) {
    std::lock_guard<std::mutex> outer(first);
    std::lock_guard<std::mutex> inner(second);
    ++g_moved;
  }
}

}  // namespace

int main() {
  std::thread there([] { Move(g_a, g_b); });
#if EXPLORE_CORRECT
  std::thread back([] { Move(g_a, g_b); });
#else
  std::thread back([] { Move(g_b, g_a); });
#endif
  there.join();
  back.join();
  return g_moved == 4 ? 0 : 1;
}
