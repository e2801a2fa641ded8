// What the object layer needs of the thread that calls it. The thread state of
// state/ derives from this, so every object function takes it by reference and
// nothing here looks for a thread-local variable.
//
// Model.  The first cache line holds what the hot paths touch and nobody else
// writes; what other threads write (the eval breaker, the incoming end of the
// merge queue) has lines of its own.
// Invariants.  OT-1: owner_id is `id` exactly while the thread state is in the
// merge table, kNobodyId before and after: what it makes outside of that time
// has no owner, and it is not the owner of anything. `space` and `counters` are
// valid for life, `heaps` from the first block that is allocated until parked.
// Thread safety.  Belongs to the attached thread, except `eval_breaker` and
// `merge_queue`, whose comments say more. A thread that clears a foreign
// thread state passes itself as the caller and the foreign one as the victim.
// Source.  CPython Include/internal/pycore_tstate.h, as an idea. Differs: no
// "current thread" below state/.

#ifndef RUNTIME_OBJECT_OBJECT_THREAD_H_
#define RUNTIME_OBJECT_OBJECT_THREAD_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "runtime/alloc/delayed_free.h"
#include "runtime/alloc/freelist.h"
#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/atomic.h"
#include "runtime/base/cache_line.h"
#include "runtime/base/thread_id.h"
#include "runtime/object/merge_queue_thread.h"
#include "runtime/object/object.h"
#include "runtime/stats/counter_block.h"

namespace rt {

struct ObjectSpace;
struct QsbrSlot;

// Bits of ObjectThread::eval_breaker: what a safe point must look after. Other
// folders add theirs here.
inline constexpr uint32_t kEvalBreakerStop = 1u << 0;
inline constexpr uint32_t kEvalBreakerMerge = 1u << 1;
inline constexpr uint32_t kEvalBreakerDelayedFree = 1u << 2;
inline constexpr uint32_t kEvalBreakerCollect = 1u << 3;
inline constexpr uint32_t kEvalBreakerPendingCalls = 1u << 4;

// Limits of the freelists: those CPython 3.14 settled on for ints and lists.
inline constexpr int32_t kNumberFreelistLimit = 100;
inline constexpr int32_t kListFreelistLimit = 80;
// As lists. Of tuples 80 of each size up to 20, as many sizes as CPython keeps: the
// full lists of a thread then hold 200 KB, where its 2000 would hold 5 MB.
inline constexpr int32_t kDictFreelistLimit = 80;
inline constexpr int32_t kTupleFreelistLimit = 80;
inline constexpr int64_t kTupleFreelistCount = 21;
// sizeof(Number), sizeof(List)...; the headers of the kinds hold them to it.
inline constexpr size_t kNumberBytes = 40;
inline constexpr size_t kListBytes = 48;
inline constexpr size_t kDictBytes = 56;
inline constexpr size_t kTupleBytes = 40;  // Without items.

// One list per size.
struct TupleFreelists {
  Freelist of_size[kTupleFreelistCount];

  constexpr TupleFreelists() : TupleFreelists(std::make_index_sequence<kTupleFreelistCount>()) {}

 private:
  template <size_t... kSize>
  constexpr explicit TupleFreelists(std::index_sequence<kSize...> /*sizes*/)
      : of_size{Freelist(kTupleFreelistLimit, kTupleBytes + kSize * sizeof(void*),
                         kReadableHeaderBytes)...} {}
};

struct alignas(kCacheLineBytes) ObjectThread {
  // The owner of the objects this thread makes; OT-1. Set by MergeQueueEnter()
  // and MergeQueueLeave() only.
  ThreadId owner_id = kNobodyId;
  // Event counters and per-type reference totals, written by this thread only.
  CounterBlock* counters = nullptr;
  // The four heaps. Null until AllocateBlock() needs them and after they were
  // parked.
  HeapBundle* heaps = nullptr;
  // Identity of the thread state, from NextThreadStateId(). Constant.
  ThreadId id = kNobodyId;
  // The interpreter's part of the object layer.
  ObjectSpace* space = nullptr;
  // References to hot objects, by count id - 1 (per_thread_count.h).
  int64_t* per_thread_counts = nullptr;
  size_t per_thread_count_size = 0;  // 0 or a power of two.
  // Objects tracked less those untracked since the last flush (tracking.h).
  int32_t tracked_count = 0;
  // Dead objects that wait to be reused. Disabled (size -1) once cleared.
  Freelist number_freelist{kNumberFreelistLimit, kNumberBytes, kReadableHeaderBytes};
  Freelist list_freelist{kListFreelistLimit, kListBytes, kReadableHeaderBytes};
  Freelist dict_freelist{kDictFreelistLimit, kDictBytes, kReadableHeaderBytes};
  TupleFreelists tuple_freelists;
  // Cleared: counts plainly for the rest of its life (INV-UID-4).
  bool per_thread_counts_finished = false;
  // Destructors under way on this thread, and the dead objects that wait until
  // the outermost of them is done (destroy.h). Linked through Object::owner.
  uint32_t destroy_depth = 0;
  Object* trashcan = nullptr;

  // While set, AllocateBlock() may get heaps. Cleared with the thread state.
  bool may_adopt_heaps = false;
  // Blocks that lock-free readers may still look at.
  DelayedFreeQueue delayed_free;
  // This thread's slot in the interpreter's QSBR.
  QsbrSlot* qsbr_slot = nullptr;

  // kEvalBreaker... bits. Any thread sets them; the owner clears them.
  alignas(kCacheLineBytes) Atomic<uint32_t> eval_breaker{0};
  // Objects that other threads handed back to this one (merge_queue.h).
  MergeQueueThread merge_queue;
};

// Gives `thread`, attached here, the heaps it does not have yet: a parked bundle
// or a new one. Returns false when out of memory, or when the thread state has
// been cleared. Takes the bundle pool's mutex.
[[nodiscard, gnu::noinline, gnu::cold]] bool AdoptHeaps(ObjectThread& thread);

// HeapAllocate() from the heaps of `thread`, which is attached here. A thread
// state that allocates nothing has no heaps: they are fifteen times its size.
[[nodiscard]] inline void* AllocateBlock(ObjectThread& thread, HeapKind kind, size_t bytes) {
  void* block = nullptr;
  if (thread.heaps != nullptr || AdoptHeaps(thread)) [[likely]] {
    block = HeapAllocate(thread.heaps, kind, bytes);
  }
  if (block == nullptr) [[unlikely]] {
    thread.counters->Add(Counter::kAllocationFailures);
  }
  return block;
}

}  // namespace rt

#endif  // RUNTIME_OBJECT_OBJECT_THREAD_H_
