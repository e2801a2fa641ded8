// Which bytes of the heap are freed: one bit for every eight.
//
// Model.  A hash table from pages to 512 bits. Who freed a block is the heap's
// knowledge; this is what every access asks. Entries carry the number of the
// schedule they belong to, so that starting over is one increment.
// Thread safety.  The engine's OS thread only.
#ifndef STRESSD_EXPLORE_FREED_MEMORY_H_
#define STRESSD_EXPLORE_FREED_MEMORY_H_

#include <stdint.h>

namespace explore {

class FreedMemory {
 public:
  // Forgets everything. Cheap.
  void Reset() {
    ++generation_;
    used_ = 0;
    low_ = ~uintptr_t{0};
    high_ = 0;
  }

  // [begin, end), in granules that begin there, is freed, or in use again.
  void Mark(uintptr_t begin, uintptr_t end);
  void Unmark(uintptr_t begin, uintptr_t end);

  // Whether a byte of [begin, end) lies in a freed granule.
  bool Holds(uintptr_t begin, uintptr_t end) const {
    return begin < high_ && low_ < end && Search(begin, end);
  }

 private:
  static constexpr uint32_t kPageShift = 12;
  static constexpr uint32_t kWords = 8;  // 4096 bytes / 8 per bit / 64 bits.

  struct Page {
    uintptr_t number;
    uint32_t generation;
    uint32_t reserved;
    uint64_t bits[kWords];
  };

  bool Search(uintptr_t begin, uintptr_t end) const;
  Page* Find(uintptr_t number) const;
  Page* FindOrAdd(uintptr_t number);
  uint32_t Slot(uintptr_t number) const;
  void Grow();
  void Change(uintptr_t begin, uintptr_t end, bool freed);

  uintptr_t low_ = ~uintptr_t{0};  // All freed memory lies in [low_, high_).
  uintptr_t high_ = 0;
  uint32_t generation_ = 0;
  uint32_t used_ = 0;
  uint32_t capacity_ = 0;
  Page* pages_ = nullptr;
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_FREED_MEMORY_H_
