// Freelist: a thread state's stack of dead blocks of one size, for reuse
// without the heap.
//
// Model.  The link is the block's first word, which in an object is the owner:
// it is written with a relaxed atomic store because lock-free readers may
// still load the word (try-incref of a dead object). The byte behind the link, an
// object's flags, says how many blocks there are from here to the end: the list
// keeps no size of its own, since one word that every push and every pop loads and
// stores is what they would wait for. The other header words are left alone. size()
// -1 means disabled for ever.
// Invariants.  I1: each block's byte is the length of the chain that starts with
// it, so the head's is size(); or size() is -1 and the chain is empty (INV-FL-1). I2: a block on a
// list is dead: its counts say so, it owns nothing (the object layer's duty), and it came from
// HeapAllocate(). I3: a list belongs to one thread state; only its thread, or who has stopped the
// world, touches it (INV-FL-3). Thread safety.  None, see I3. Fork.  Nothing to repair; a dead
// thread state's lists are cleared by who clears the thread state, and only those. With
// RT_FREELISTS=0 every Push() is refused and every Pop() finds nothing. Source.  CPython
// Include/internal/pycore_freelist.h. Differs: which lists are cleared is an argument (`this`),
// never "the current thread's"; where the size is.
#ifndef RUNTIME_ALLOC_FREELIST_H_
#define RUNTIME_ALLOC_FREELIST_H_

#include <cstddef>
#include <cstdint>

#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/base/config.h"
#include "runtime/base/sanitizer.h"

namespace rt {

class Freelist {
 public:
  // Called for each block that leaves the list through Clear().
  using Release = void (*)(void* argument, void* block);

  static constexpr int32_t kMostBlocks = UINT8_MAX;

  // At most `limit` blocks, up to kMostBlocks; `block_bytes` is what may be poisoned
  // of each, and the first `probe_bytes` of it stay readable (at least the list's 9).
  constexpr Freelist(int32_t limit, size_t block_bytes, size_t probe_bytes)
      : limit_(static_cast<uint8_t>(limit)),
        room_(static_cast<uint8_t>(limit)),
        block_bytes_(static_cast<uint16_t>(block_bytes)),
        probe_bytes_(static_cast<uint16_t>(probe_bytes)) {}

  // Takes `block`. Returns false when the list is full or disabled: the block
  // is still the caller's.
  [[nodiscard]] bool Push(void* block);

  // Returns the block pushed last, or null. Its first nine bytes hold what the list
  // wrote, the other header words what they held; the caller sets them anew.
  [[nodiscard]] void* Pop();

  // Hands every block to `release` (default: HeapFree). The list stays enabled.
  // The list is empty before the first call, so `release` may Push() again.
  void Clear(Release release = nullptr, void* argument = nullptr);

  // Clear(), and refuse every Push() from now on.
  void Disable(Release release = nullptr, void* argument = nullptr);

  bool enabled() const { return enabled_; }
  int32_t size() const { return enabled_ ? static_cast<int32_t>(DepthOf(head_)) : -1; }
  int32_t limit() const { return limit_; }

  // Checks I1 by walking the chain. Dies when it does not hold.
  void CheckInvariants() const;

 private:
  void Poison(void* block) const {
    PoisonMemory(static_cast<char*>(block) + probe_bytes_, block_bytes_ - probe_bytes_);
  }
  void Unpoison(void* block) const { UnpoisonMemory(block, block_bytes_); }

  // The link is the block's first word. Relaxed: the list is its thread's own;
  // readers of a dead object's owner word see some value and compare it with
  // their id, which no address is.
  static void* LoadLink(void* block) { return LoadRelaxed(static_cast<void**>(block)); }
  static void StoreLink(void* block, void* next) { StoreRelaxed(static_cast<void**>(block), next); }

  // The length of the chain that starts with `block`. Relaxed: as the link; a
  // prober may read the byte as flags, and believes nothing of a dead object.
  static uint32_t DepthOf(void* block) {
    return block == nullptr ? 0 : LoadRelaxed(static_cast<uint8_t*>(block) + kDepthOffset);
  }
  static void StoreDepth(void* block, uint32_t depth) {
    StoreRelaxed(static_cast<uint8_t*>(block) + kDepthOffset, static_cast<uint8_t>(depth));
  }

  static constexpr size_t kDepthOffset = sizeof(void*);

  void* head_ = nullptr;
  uint8_t limit_;
  uint8_t room_;  // The limit, or 0 when disabled.
  bool enabled_ = true;
  uint16_t block_bytes_;
  uint16_t probe_bytes_;
};
static_assert(sizeof(Freelist) == 16, "a thread state has two dozen of them");

inline bool Freelist::Push(void* block) {
  if constexpr (RT_FREELISTS == 0) return false;
  void* const head = head_;
  const uint32_t depth = DepthOf(head);
  if (depth >= room_) return false;
  MarkMemoryAsWritten(static_cast<char*>(block) + probe_bytes_, block_bytes_ - probe_bytes_);
  StoreLink(block, head);
  StoreDepth(block, depth + 1);
  Poison(block);
  head_ = block;
  return true;
}

inline void* Freelist::Pop() {
  void* const block = head_;
  if (block == nullptr) return nullptr;
  head_ = LoadLink(block);
  RT_DCHECK(DepthOf(head_) + 1 == DepthOf(block), "I1",
            "%u blocks counted, the chain says otherwise", DepthOf(block));
  Unpoison(block);
  HeapNoteNewLife(block);
  return block;
}

}  // namespace rt

#endif  // RUNTIME_ALLOC_FREELIST_H_
