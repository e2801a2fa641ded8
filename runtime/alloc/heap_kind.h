// Heap kinds: the four heaps that every thread state owns.
//
// Model.  A block's kind is fixed when it is allocated and stored with its
// page, so that any thread can ask for the kind of a block it only has the
// address of.
// Invariants.  I1: the kinds are numbered 0..3 without a gap.
#ifndef RUNTIME_ALLOC_HEAP_KIND_H_
#define RUNTIME_ALLOC_HEAP_KIND_H_

#include <cstddef>
#include <cstdint>

namespace rt {

enum class HeapKind : uint8_t {
  kMemory = 0,            // Plain buffers: list arrays, private tables.
  kObject = 1,            // Objects that cannot be part of a cycle.
  kCollectable = 2,       // Objects the collector must see.
  kCollectablePrefix = 3  // The same, with a 16-byte prefix before the header.
};
inline constexpr int kHeapKindCount = 4;

// Bytes at the start of a dead block that lock-free readers may still load:
// owner, flags and both counts of an object header (24), behind the prefix.
// Nothing but the block's link (its first word) is written there when the
// block dies, and AddressSanitizer lets reads of them pass.
constexpr size_t HeaderProbeBytes(HeapKind kind) {
  switch (kind) {
    case HeapKind::kMemory:
      return 0;
    case HeapKind::kObject:
    case HeapKind::kCollectable:
      return 24;
    case HeapKind::kCollectablePrefix:
      return 16 + 24;
  }
  return 0;
}

// True for the heaps whose empty pages wait for a QSBR goal.
constexpr bool HoldsPages(HeapKind kind) { return kind != HeapKind::kMemory; }

}  // namespace rt

#endif  // RUNTIME_ALLOC_HEAP_KIND_H_
