// Page hold: how a heap learns that an empty page may be given away.
//
// Model.  A page of an object heap that becomes empty gets a goal from
// `next_goal` and waits, still serving its own size class, until `reached`
// says yes; then it may go to another size class or to the operating system.
// A read of a dead object's header words therefore never meets anything but a
// block of the same size class.
// Invariants.  I1: a page has a goal exactly while it is on its heap's list of
// held pages, and then none of its blocks is in use. I2: a page that becomes
// empty a second time gets a new goal. I3: parking or adopting a bundle keeps
// the goals.
// Thread safety.  Both functions run on the thread that works on the bundle:
// its owner, or whoever has it to itself (a stop, the pool's Collect()). They
// must not allocate from or free to any heap.
// Source.  CPython's mimalloc pages with a QSBR goal; differs: the goal is
// dropped when a block is handed out, not when the heap is walked, and the list
// belongs to the page's heap, never to the running thread.
#ifndef RUNTIME_ALLOC_PAGE_HOLD_H_
#define RUNTIME_ALLOC_PAGE_HOLD_H_

#include <cstdint>

namespace rt {

struct PageHold {
  void* context = nullptr;
  // Returns the goal for memory unlinked now. With `advance` the write sequence
  // moves at once, else the goal is the one that the next advance will set.
  uint64_t (*next_goal)(void* context, bool advance) = nullptr;
  // Returns true when every reader that could see the memory has passed `goal`.
  bool (*reached)(void* context, uint64_t goal) = nullptr;
};

// Bytes of held pages after which a new goal advances the write sequence.
// 20 small pages' worth of 4 KiB: the limit CPython settled on in 2025.
inline constexpr int64_t kHeldBytesPerAdvance = 4096 * 20;

}  // namespace rt

#endif  // RUNTIME_ALLOC_PAGE_HOLD_H_
