// What the tests of this folder share: identities, a page hold with a goal that
// the test moves, and a view of the process's mappings.
#ifndef RUNTIME_ALLOC_ALLOC_TEST_UTIL_H_
#define RUNTIME_ALLOC_ALLOC_TEST_UTIL_H_

#include <cstdint>
#include <fstream>
#include <string>

#include "runtime/alloc/page_hold.h"
#include "runtime/base/atomic.h"
#include "runtime/base/thread_id.h"

namespace rt {

// Attaches the calling OS thread as thread state `id`, as far as this folder
// can tell, until the end of the scope.
class ScopedIdentity {
 public:
  explicit ScopedIdentity(ThreadId id) : previous_(CurrentThreadId()) { SetCurrentThreadId(id); }
  ~ScopedIdentity() { SetCurrentThreadId(previous_); }
  ScopedIdentity(const ScopedIdentity&) = delete;
  ScopedIdentity& operator=(const ScopedIdentity&) = delete;

 private:
  const ThreadId previous_;
};

// A page hold whose readers are imaginary: a goal is reached when the test says.
class ManualPageHold {
 public:
  PageHold hold() { return PageHold{this, &NextGoal, &Reached}; }

  // Every goal drawn so far is reached, those drawn later are not.
  void ReleaseAll() {
    // relaxed throughout: tests order these by starting and joining threads.
    released_.store(drawn_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  }
  // Every goal is reached at once, from now on.
  void Open() { released_.store(UINT64_MAX, std::memory_order_relaxed); }

  uint64_t drawn() const { return drawn_.load(std::memory_order_relaxed); }
  uint64_t advances() const { return advances_.load(std::memory_order_relaxed); }

 private:
  static uint64_t NextGoal(void* opaque, bool advance) {
    auto* const self = static_cast<ManualPageHold*>(opaque);
    if (advance) self->advances_.fetch_add(1, std::memory_order_relaxed);
    return self->drawn_.fetch_add(1, std::memory_order_relaxed) + 1;
  }
  static bool Reached(void* opaque, uint64_t goal) {
    auto* const self = static_cast<ManualPageHold*>(opaque);
    return goal <= self->released_.load(std::memory_order_relaxed);
  }

  Atomic<uint64_t> drawn_{0};
  Atomic<uint64_t> released_{0};
  Atomic<uint64_t> advances_{0};
};

// Bytes of address space that are mapped now.
inline int64_t MappedBytes() {
  std::ifstream status("/proc/self/statm");
  int64_t pages = 0;
  status >> pages;
  return pages * 4096;
}

// Mappings of the process now.
inline int64_t MappingCount() {
  std::ifstream maps("/proc/self/maps");
  int64_t count = 0;
  for (std::string line; std::getline(maps, line);) ++count;
  return count;
}

}  // namespace rt

#endif  // RUNTIME_ALLOC_ALLOC_TEST_UTIL_H_
