// r1: a reference count whose reader tests and increments in two steps, against
// the owner's last decrement. Atomics only: no data race, a use after death.
// Correct with EXPLORE_CORRECT=1: increment only if not zero, in one step.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace {

struct Object {
  std::atomic<int> references{1};
  std::atomic<bool> dead{false};
};

Object g_object;

bool TryReference(Object& object) {
#if EXPLORE_CORRECT
  int count = object.references.load(std::memory_order_relaxed);
  while (count > 0) {
    if (object.references.compare_exchange_weak(count, count + 1, std::memory_order_acquire)) {
      return true;
    }
  }
  return false;
#else
  if (object.references.load(std::memory_order_acquire) == 0) return false;
  object.references.fetch_add(1, std::memory_order_acq_rel);
  return true;
#endif
}

void Release(Object& object) {
  if (object.references.fetch_sub(1, std::memory_order_acq_rel) == 1) object.dead.store(true);
}

void Reader() {
  for (int i = 0; i < 3; ++i) {
    if (!TryReference(g_object)) return;
    if (g_object.dead.load()) {
      std::fprintf(stderr, "r1: a dead object was referenced\n");
      std::abort();
    }
    Release(g_object);
  }
}

}  // namespace

int main() {
  std::thread first(Reader);
  std::thread second(Reader);
  Release(g_object);
  first.join();
  second.join();
  return 0;
}
