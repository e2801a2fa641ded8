#include "runtime/alloc/heap_bundle.h"

#include <cstring>
#include <new>

#include "runtime/alloc/immortal_block.h"
#include "runtime/alloc/mimalloc_glue.h"
#include "runtime/base/check.h"
#include "runtime/base/config.h"
#include "runtime/base/fault_point.h"
#include "runtime/base/raw_memory.h"
#include "runtime/base/sanitizer.h"
#include "runtime/base/schedule_point.h"
#include "runtime/base/thread_id.h"
#include "runtime/sync/once.h"

namespace rt {

static_assert(kHeapKindCount == RT_MI_HEAP_COUNT);

// What mimalloc asks back; see mimalloc_glue.h.
struct HeapBundleHooks {
  static uint64_t NextGoal(void* bundle, size_t bytes) {
    return static_cast<HeapBundle*>(bundle)->NextGoal(bytes);
  }
  static bool GoalReached(void* bundle, uint64_t goal) {
    const PageHold& hold = static_cast<HeapBundle*>(bundle)->page_hold_;
    return hold.reached(hold.context, goal);
  }
  [[noreturn]] static void Die(const char* invariant, const char* text) {
    CheckFailed(invariant, __FILE__, __LINE__, "mimalloc", "%s", text);
  }
};

namespace {

// mimalloc's structures follow the bundle in the same allocation.
constexpr size_t kHeapsOffset =
    (sizeof(HeapBundle) + RT_MI_SET_ALIGNMENT - 1) & ~(size_t{RT_MI_SET_ALIGNMENT} - 1);

// Under AddressSanitizer a block ends with a red zone and its leak token.
constexpr size_t kTrailerBytes = kAddressSanitizer ? 16 : 0;

// Dead memory that is not poisoned is filled: 0xDD as in "dead". At most this
// much: what follows the header is what a stray read meets first.
constexpr unsigned char kDeadByte = 0xDD;
constexpr size_t kFillBytes = 1024;

// Not an address, so that LeakSanitizer does not take it for one.
constexpr uintptr_t kTokenDisguise = 0xA5A5000000000000u;

constinit Once process_once;

bool InitProcess() {
  constexpr rt_mi_hooks kHooks = {&HeapBundleHooks::NextGoal, &HeapBundleHooks::GoalReached,
                                  &HeapBundleHooks::Die};
  rt_mi_process_init(&kHooks);
  return true;
}

[[maybe_unused]] RT_NO_SANITIZE_ADDRESS void StoreToken(void* block, LeakToken* token) {
  auto* const end =
      reinterpret_cast<uintptr_t*>(static_cast<char*>(block) + rt_mi_block_bytes(block));
  end[-1] = reinterpret_cast<uintptr_t>(token) ^ kTokenDisguise;
}

RT_NO_SANITIZE_ADDRESS
LeakToken* LoadToken(const void* block) {
  const auto* const end = reinterpret_cast<const uintptr_t*>(static_cast<const char*>(block) +
                                                             rt_mi_block_bytes(block));
  return reinterpret_cast<LeakToken*>(end[-1] ^ kTokenDisguise);
}

}  // namespace

HeapUsage& HeapUsage::operator+=(const HeapUsage& other) {
  block_count += other.block_count;
  block_bytes += other.block_bytes;
  page_count += other.page_count;
  held_page_count += other.held_page_count;
  return *this;
}

HeapUsage HeapBundleUsage::total() const {
  HeapUsage sum;
  for (const HeapUsage& usage : heap) sum += usage;
  return sum;
}

HeapBundleUsage& HeapBundleUsage::operator+=(const HeapBundleUsage& other) {
  for (int kind = 0; kind < kHeapKindCount; ++kind) {
    heap[kind] += other.heap[kind];
  }
  segment_count += other.segment_count;
  segment_bytes += other.segment_bytes;
  return *this;
}

HeapBundle* HeapBundle::Allocate(const PageHold& page_hold) {
  RT_CHECK(page_hold.next_goal != nullptr && page_hold.reached != nullptr, "I3",
           "a bundle without page hold");
  if (FaultPoint("alloc.heap_bundle")) return nullptr;
  if (!process_once.Call(&InitProcess)) return nullptr;
  void* const memory = RawAllocate(kHeapsOffset + rt_mi_set_bytes(), RT_MI_SET_ALIGNMENT);
  if (memory == nullptr) return nullptr;
  auto* const bundle = new (memory) HeapBundle(page_hold);
  bundle->heaps_ = static_cast<char*>(memory) + kHeapsOffset;
  unsigned hold_mask = 0;
  for (int kind = 0; kind < kHeapKindCount; ++kind) {
    if (HoldsPages(static_cast<HeapKind>(kind))) hold_mask |= 1u << kind;
  }
  rt_mi_set_init(bundle->heaps_, bundle, hold_mask);
  return bundle;
}

void HeapBundle::Destroy(HeapBundle* bundle) {
  rt_mi_set_destroy(bundle->heaps_);
  bundle->leak_tokens_.Abandon();
  bundle->~HeapBundle();
  RawFree(bundle);
}

uint64_t HeapBundle::NextGoal(size_t page_bytes) {
  held_bytes_since_advance_ += static_cast<int64_t>(page_bytes);
  const bool advance = held_bytes_since_advance_ > kHeldBytesPerAdvance;
  if (advance) held_bytes_since_advance_ = 0;
  const uint64_t goal = page_hold_.next_goal(page_hold_.context, advance);
  RT_DCHECK(goal != 0, "I1", "a goal of 0 means none");
  return goal;
}

void HeapBundle::Bind(uint64_t owner_id) {
  RT_CHECK(owner_id >= kFirstThreadStateId, "I1", "bound to id %llu",
           static_cast<unsigned long long>(owner_id));
  RT_CHECK(owner_id_ == 0, "I1", "the bundle belongs to %llu",
           static_cast<unsigned long long>(owner_id_));
  rt_mi_set_bind(heaps_, owner_id);
  owner_id_ = owner_id;
}

// The segments keep the id of the owner that is gone: no thread has it, so
// every free is a remote one until somebody binds the bundle again.
void HeapBundle::Unbind() {
  RT_CHECK(owner_id_ != 0, "I1", "the bundle has no owner");
  owner_id_ = 0;
}

int64_t HeapBundle::Collect(bool force) {
  rt_mi_set_collect(heaps_, force);
  return rt_mi_set_held_page_count(heaps_);
}

void HeapBundle::PollHeldPages() { rt_mi_set_poll_held(heaps_); }

bool HeapBundle::IsEmpty() const { return rt_mi_set_is_empty(heaps_); }

HeapBundleUsage HeapBundle::CountBlocks() {
  rt_mi_usage raw[RT_MI_HEAP_COUNT];
  HeapBundleUsage usage;
  rt_mi_set_usage(heaps_, raw, &usage.segment_count, &usage.segment_bytes);
  for (int kind = 0; kind < kHeapKindCount; ++kind) {
    usage.heap[kind] = {raw[kind].block_count, raw[kind].block_bytes, raw[kind].page_count,
                        raw[kind].held_page_count};
  }
  return usage;
}

bool HeapBundle::VisitBlocks(BlockVisitor visitor, void* argument) {
  struct Call {
    BlockVisitor visitor;
    void* argument;
  } call = {visitor, argument};
  return rt_mi_set_visit(
      heaps_,
      [](void* opaque, int kind, void* block, size_t bytes) {
        const Call* const call = static_cast<Call*>(opaque);
        return call->visitor(call->argument, static_cast<HeapKind>(kind), block, bytes);
      },
      &call);
}

bool HeapBundle::VisitCollectablePages(PageVisitor visitor, void* argument) {
  struct Call {
    PageVisitor visitor;
    void* argument;
  } call = {visitor, argument};
  constexpr unsigned kCollectableMask = 1u << static_cast<int>(HeapKind::kCollectable) |
                                        1u << static_cast<int>(HeapKind::kCollectablePrefix);
  return rt_mi_set_visit_pages(
      heaps_, kCollectableMask,
      [](void* opaque, int kind, char* start, size_t block_bytes, size_t capacity,
         const uint64_t* is_free) {
        const Call* const call = static_cast<Call*>(opaque);
        return call->visitor(call->argument, static_cast<HeapKind>(kind), start, block_bytes,
                             capacity, is_free);
      },
      &call);
}

void HeapBundle::CheckInvariants() { rt_mi_set_check(heaps_); }

namespace internal {

void* HeapAllocateMarked(HeapBundle* bundle, HeapKind kind, size_t bytes) {
  RT_DCHECK(bundle->owner_id_ == CurrentThreadId(), "I1",
            "thread state %llu allocates from the bundle of %llu",
            static_cast<unsigned long long>(CurrentThreadId()),
            static_cast<unsigned long long>(bundle->owner_id_));
  if (FaultPoint("alloc.heap_block")) return nullptr;
  RT_SCHEDULE_POINT("alloc.heap_allocate");
  if (bytes < kSmallestBlockBytes) bytes = kSmallestBlockBytes;
  // mimalloc refuses sizes beyond PTRDIFF_MAX; a trailer must not wrap them.
  if (bytes > SIZE_MAX - kTrailerBytes) return nullptr;
  void* const block = rt_mi_allocate(bundle->heaps_, static_cast<int>(kind), bytes + kTrailerBytes);
  if constexpr (kAddressSanitizer) {
    if (block == nullptr) return nullptr;
    PoisonMemory(block, rt_mi_block_bytes(block));
    UnpoisonMemory(block, bytes);
    StoreToken(block, bundle->leak_tokens_.Add());
  }
  if constexpr (kControlledEngine) {
    if (block != nullptr) UnpoisonMemory(block, rt_mi_block_bytes(block));
  }
  return block;
}

void HeapFreeMarked(void* block) {
  if (block == nullptr) return;
  RT_SCHEDULE_POINT("alloc.heap_free");
  if constexpr (kMarksDeadBlocks) {
    const size_t block_bytes = rt_mi_block_bytes(block);
    size_t keep = HeaderProbeBytes(HeapBlockKind(block));
    // A block may be smaller than a header; its trailer is never kept.
    if (keep > block_bytes - kTrailerBytes) keep = block_bytes - kTrailerBytes;
    if constexpr (kAddressSanitizer) {
      LeakToken* const token = LoadToken(block);
      if (token != nullptr) LeakTokenList::Remove(token);
      PoisonMemory(static_cast<char*>(block) + keep, block_bytes - keep);
    } else if (block_bytes > keep) {
      const size_t dead_bytes = block_bytes - keep;
      // The write is also what ThreadSanitizer must see of a free.
      std::memset(static_cast<char*>(block) + keep, kDeadByte,
                  dead_bytes < kFillBytes ? dead_bytes : kFillBytes);
      PoisonMemory(static_cast<char*>(block) + keep, dead_bytes);
    }
  }
  rt_mi_free(block);
}

}  // namespace internal

size_t HeapBlockBytes(const void* block) { return rt_mi_block_bytes(block); }

HeapKind HeapBlockKind(const void* block) { return static_cast<HeapKind>(rt_mi_block_kind(block)); }

void HeapNoteNewLifeMarked(void* block) {
  LeakToken* const token = LoadToken(block);
  if (token == nullptr) return;
  LeakTokenList* const list = LeakTokenList::ListOf(token);
  LeakTokenList::Remove(token);
  StoreToken(block, list->Add());
}

void HeapNoteImmortalMarked(void* block) {
  LeakToken* const token = LoadToken(block);
  if (token == nullptr) return;
  LeakTokenList::Remove(token);
  StoreToken(block, nullptr);
}

}  // namespace rt
