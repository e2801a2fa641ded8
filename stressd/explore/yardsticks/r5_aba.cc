// r5: ABA in an index stack: between a pop's reads and its compare-exchange the
// top node leaves, another leaves, and the first comes back.
// Correct with EXPLORE_CORRECT=1: the head carries a tag that every change moves.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace {

constexpr uint32_t kNil = 0xffff;
#if EXPLORE_CORRECT
constexpr uint32_t kTag = 0x10000;
#else
constexpr uint32_t kTag = 0;
#endif

std::atomic<uint32_t> g_next[3];
std::atomic<bool> g_taken[3];
std::atomic<uint32_t> g_head{0};

uint32_t Pop() {
  uint32_t head = g_head.load();
  while (true) {
    const uint32_t index = head & 0xffff;
    if (index == kNil) return kNil;
    const uint32_t next = g_next[index].load();
    if (g_head.compare_exchange_strong(head, ((head & ~0xffffu) + kTag) | next)) break;
  }
  const uint32_t index = head & 0xffff;
  if (g_taken[index].exchange(true)) {
    std::fprintf(stderr, "r5: node %u was handed out twice\n", index);
    std::abort();
  }
  return index;
}

void Push(uint32_t index) {
  if (index == kNil) return;
  g_taken[index].store(false);
  uint32_t head = g_head.load();
  do {
    g_next[index].store(head & 0xffff);
  } while (!g_head.compare_exchange_strong(head, ((head & ~0xffffu) + kTag) | index));
}

void One() {
  Pop();
  Pop();
}

void Two() {
  const uint32_t first = Pop();
  const uint32_t second = Pop();
  Push(first);
  Push(second);
}

}  // namespace

int main() {
  g_next[0] = 1;
  g_next[1] = 2;
  g_next[2] = kNil;
  std::thread one(One);
  std::thread two(Two);
  one.join();
  two.join();
  return 0;
}
