// Heap bundle: the four mimalloc heaps of one thread state, as one unit.
//
// Model.  One raw allocation holds mimalloc's thread-local data and four heaps
// that share its segments. Allocating the bundle (anywhere) is split from
// binding it to a thread state's id (by who will allocate). A thread state that
// ends parks the bundle (bundle_pool.h); another one may bind it again, with
// every page, goal and live block in place. mimalloc's own abandonment and its
// thread-local default heap are never used.
// Invariants.  I1: owner_id() is 0 (not bound) or the id of the one thread
// state that allocates from it, and every segment carries the same id. I2: a
// page's heap never changes, so a block's kind never does (INV-M-4). I3: held
// pages (page_hold.h) keep their goals through everything but Destroy().
// Thread safety.  HeapAllocate(), Bind(), Unbind(), Collect(), CountBlocks(),
// VisitBlocks(): who has the bundle to itself, that is the owner, a thread that
// has stopped the world, or the pool. HeapFree(): any thread that is attached,
// or alone. Lock order.  Takes no runtime mutex; the page hold's functions may.
// Fork.  A stop must be in force when the process forks; the child then owns
// all bundles and parks those of the dead thread states.
// Source.  CPython Include/internal/pycore_mimalloc.h. Differs: abandonment
// moves the bundle and never the segments.
#ifndef RUNTIME_ALLOC_HEAP_BUNDLE_H_
#define RUNTIME_ALLOC_HEAP_BUNDLE_H_

#include <cstddef>
#include <cstdint>

#include "runtime/alloc/heap_kind.h"
#include "runtime/alloc/leak_token.h"
#include "runtime/alloc/mimalloc_glue.h"
#include "runtime/alloc/page_hold.h"
#include "runtime/base/config.h"
#include "runtime/base/sanitizer.h"

namespace rt {

// What one heap holds. Blocks on a freelist count as live: their owner has them.
struct HeapUsage {
  int64_t block_count = 0;      // Live blocks.
  int64_t block_bytes = 0;      // Their bytes, rounded up to the size class.
  int64_t page_count = 0;       // Pages, held ones included.
  int64_t held_page_count = 0;  // Empty pages that wait for their goal.

  HeapUsage& operator+=(const HeapUsage& other);
  bool operator==(const HeapUsage& other) const = default;
};

struct HeapBundleUsage {
  HeapUsage heap[kHeapKindCount];
  int64_t segment_count = 0;
  int64_t segment_bytes = 0;

  const HeapUsage& of(HeapKind kind) const { return heap[static_cast<int>(kind)]; }
  HeapUsage total() const;
  HeapBundleUsage& operator+=(const HeapBundleUsage& other);
};

class HeapBundle;
namespace internal {
void* HeapAllocateMarked(HeapBundle* bundle, HeapKind kind, size_t bytes);
}  // namespace internal

class HeapBundle {
 public:
  // Called for each live block; `bytes` is the block's size class. Must not
  // allocate from or free to the bundle. Returns false to end the walk.
  using BlockVisitor = bool (*)(void* argument, HeapKind kind, void* block, size_t bytes);

  // Makes a bundle without an owner. Any thread. Returns null when out of
  // memory. `page_hold` is copied; its context must outlive the bundle.
  [[nodiscard]] static HeapBundle* Allocate(const PageHold& page_hold);

  // Returns all memory of the bundle, live blocks included, to the operating
  // system. The caller has the bundle to itself and no reader is left. Under
  // AddressSanitizer each block that was still live becomes a leak that
  // LeakSanitizer reports with the stack of its allocation.
  static void Destroy(HeapBundle* bundle);

  // Gives the bundle to thread state `owner_id` (>= 2). Requires owner_id() 0.
  void Bind(uint64_t owner_id);

  // Takes the bundle from its owner; any thread on behalf of an owner that no
  // longer runs.
  void Unbind();

  uint64_t owner_id() const { return owner_id_; }

  // Collects blocks that other threads freed, gives away held pages whose goal
  // is reached, and returns empty pages. With `force` also retired pages and
  // decommit that would have waited. Returns the number of pages still held.
  int64_t Collect(bool force);

  // Gives away held pages whose goal is reached. Cheap when there are none.
  void PollHeldPages();

  // True when no page is left, so that Destroy() loses nothing.
  bool IsEmpty() const;

  // Counts exactly, after taking in what other threads have freed.
  HeapBundleUsage CountBlocks();

  // Visits every live block, heap by heap. Returns false when the visitor did.
  bool VisitBlocks(BlockVisitor visitor, void* argument);

  // The same page by page, for the two collectable heaps: every visited page has
  // a live block. Block `index` of `capacity` begins at start + index *
  // block_bytes and is free if its bit in `is_free` is set; null: none is.
  using PageVisitor = bool (*)(void* argument, HeapKind kind, char* start, size_t block_bytes,
                               size_t capacity, const uint64_t* is_free);
  bool VisitCollectablePages(PageVisitor visitor, void* argument);

  // Checks what must hold of pages and goals (INV-M-4, INV-M-5, I1 above).
  // Dies when it does not. Costs O(pages).
  void CheckInvariants();

  HeapBundle(const HeapBundle&) = delete;
  HeapBundle& operator=(const HeapBundle&) = delete;

 private:
  friend class BundlePool;
  friend struct HeapBundleHooks;
  friend void* HeapAllocate(HeapBundle* bundle, HeapKind kind, size_t bytes);
  friend void* internal::HeapAllocateMarked(HeapBundle* bundle, HeapKind kind, size_t bytes);

  explicit HeapBundle(const PageHold& page_hold) : page_hold_(page_hold) {}
  ~HeapBundle() = default;

  uint64_t NextGoal(size_t page_bytes);

  uint64_t owner_id_ = 0;
  HeapBundle* next_parked_ = nullptr;  // Guarded by the pool's mutex.
  PageHold page_hold_;
  int64_t held_bytes_since_advance_ = 0;
  void* heaps_ = nullptr;  // mimalloc's structures, behind this object.
  LeakTokenList leak_tokens_;
};

namespace internal {

// 16: two words, so that every block is aligned for any fundamental type.
inline constexpr size_t kSmallestBlockBytes = 16;

// Whether what happens to dead memory is watched.
inline constexpr bool kMarksDeadBlocks = RT_CHECKS != 0 || kAddressSanitizer;

// What HeapAllocate() and HeapFree() do where it is.
[[nodiscard]] void* HeapAllocateMarked(HeapBundle* bundle, HeapKind kind, size_t bytes);
void HeapFreeMarked(void* block);

}  // namespace internal

// Returns a block of at least `bytes` bytes, 16-byte aligned, or null when out
// of memory. The owner only. The content is undefined. `bytes` 0 is as 1.
[[nodiscard]] inline void* HeapAllocate(HeapBundle* bundle, HeapKind kind, size_t bytes) {
  if constexpr (internal::kMarksDeadBlocks) {
    return internal::HeapAllocateMarked(bundle, kind, bytes);
  } else {
    if (bytes < internal::kSmallestBlockBytes) bytes = internal::kSmallestBlockBytes;
    return rt_mi_allocate(bundle->heaps_, static_cast<int>(kind), bytes);
  }
}

// Frees a block to the heap it came from, whoever owns that now. Null is
// ignored. Any attached thread. The header probe bytes but the first word stay.
inline void HeapFree(void* block) {
  if constexpr (internal::kMarksDeadBlocks) {
    internal::HeapFreeMarked(block);
  } else {
    rt_mi_free(block);  // Ignores null.
  }
}

// Returns the size class of a live block, in bytes. Only the bytes that were
// asked for may be used.
size_t HeapBlockBytes(const void* block);

// Returns the kind of a live block.
HeapKind HeapBlockKind(const void* block);

// Says that a live block begins a new life here, without having been freed: a
// LeakSanitizer report then names the caller. Nothing in other flavors.
void HeapNoteNewLifeMarked(void* block);
inline void HeapNoteNewLife(void* block) {
  if constexpr (kAddressSanitizer) HeapNoteNewLifeMarked(block);
}

}  // namespace rt

#endif  // RUNTIME_ALLOC_HEAP_BUNDLE_H_
