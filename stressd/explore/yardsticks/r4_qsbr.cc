// r4: quiescent-state based reclamation that frees one grace period early.
// Atomics only. The writer accepts readers that were quiescent before it
// unlinked.
// Correct with EXPLORE_CORRECT=1: it waits for the sequence of its own unlink.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace {

struct Node {
  std::atomic<bool> alive{true};
};

constexpr int kReaders = 2;

Node g_nodes[3];
std::atomic<Node*> g_head{&g_nodes[0]};
std::atomic<uint64_t> g_write_sequence{1};
std::atomic<uint64_t> g_seen[kReaders];

void Reader(int index) {
  for (int i = 0; i < 3; ++i) {
    // Quiescent: holds no node.
    g_seen[index].store(g_write_sequence.load());
    Node* node = g_head.load();
    if (!node->alive.load()) {
      std::fprintf(stderr, "r4: a reclaimed node was read\n");
      std::abort();
    }
  }
  g_seen[index].store(UINT64_MAX);  // Detached.
}

void Writer() {
  for (int i = 0; i < 2; ++i) {
    Node* old = g_head.exchange(&g_nodes[i + 1]);
    const uint64_t before = g_write_sequence.fetch_add(2);
#if EXPLORE_CORRECT
    const uint64_t goal = before + 2;
#else
    const uint64_t goal = before;
#endif
    for (int polls = 0; polls < 4; ++polls) {
      bool reached = true;
      for (int r = 0; r < kReaders; ++r) reached = reached && g_seen[r].load() >= goal;
      if (!reached) continue;
      old->alive.store(false);
      break;
    }
  }
}

}  // namespace

int main() {
  std::thread first(Reader, 0);
  std::thread second(Reader, 1);
  std::thread writer(Writer);
  first.join();
  second.join();
  writer.join();
  return 0;
}
