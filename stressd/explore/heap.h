// The program's heap: freed blocks are kept away from reuse for a while, so
// that using or freeing them again is seen.
//
// Model.  free() puts a block into a quarantine and marks its bytes as freed;
// the oldest blocks really go back once the quarantine holds more than
// kQuarantineBytes. Freeing counts as writing the whole block, so that a
// free that races with an access is a data race. What another allocator takes
// back and says so (annotate.h) is marked alike, but stays its own.
// Limits.  Of a block, the first kMarkedBytes are marked.
// Thread safety.  The engine's OS thread only; other OS threads' calls, which
// only the C library itself makes here, pass straight through.
#ifndef STRESSD_EXPLORE_HEAP_H_
#define STRESSD_EXPLORE_HEAP_H_

#include <stddef.h>
#include <stdint.h>

#include "stressd/explore/array.h"

namespace explore {

class Heap {
 public:
  static constexpr size_t kQuarantineBytes = 32 << 20;
  static constexpr size_t kMarkedBytes = 64 << 10;

  struct Block {
    void* address;
    size_t size_bytes;
    uintptr_t pc;  // Where, by whom it was freed.
    uint32_t stack;
    uint32_t thread;
  };

  // Takes the block over. Reports a double free.
  void Free(void* block, uintptr_t pc);
  // [begin, end), whole granules, was given back to another allocator. Reports a
  // double free.
  void Poison(uintptr_t begin, uintptr_t end, uintptr_t pc);
  // `block` is new: forgets what was known of its memory.
  void Allocated(void* block, size_t size_bytes);
  // Gives every block back.
  void Empty();
  // The freed block that [address, address + size_bytes) touches, for a report;
  // null if there is none.
  const Block* FindFreed(uintptr_t address, size_t size_bytes) const;

 private:
  void GiveBack(const Block& block);
  // Judges and marks the death of [begin, end); `probe` is a byte that only the
  // dead have marked.
  void Retire(uintptr_t begin, uintptr_t end, uintptr_t probe, uintptr_t pc);
  // Whether freeing [begin, end) races with an access; reports it.
  void JudgeFree(uintptr_t begin, uintptr_t end, uintptr_t pc);

  Array<Block> blocks_;
  Array<Block> poisoned_;
  uint32_t oldest_ = 0;  // blocks_ before this one were given back.
  size_t held_bytes_ = 0;
  bool recycled_ = false;  // Some block was given back: new ones may reuse it.
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_HEAP_H_
