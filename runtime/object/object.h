// Object header: the 32 bytes that every counted object starts with.
//
// Model.  Biased reference counting: the thread state that created an object
// owns it and keeps its own count in `local` without atomic read-modify-write;
// every other thread counts in `shared`. The true count is their sum. Two flag
// bits in `shared` say how far the two fields have grown together:
//
//   shared, 64 bits:  [63 .. 2] signed count   [1 .. 0] flag
//     0 kSharedInitial       only the owner has ever needed to look
//     1 kSharedMaybeWeakref  other threads may try to take a reference
//     2 kSharedQueued        one reference waits in the owner's merge queue
//     3 kSharedMerged        no owner: local is 0, everything is in shared
//
// An object is dead when its count is 0 and shared is exactly 0 or exactly
// kSharedMerged: both make TryIncref() fail, so a lock-free reader may probe
// the first 24 bytes of dead memory. The word `owner` of a dead object may hold
// a link (freelist, trashcan, allocator); a link never equals a thread id.
// Immortal: local is kImmortalLocal and shared is at least
// kImmortalSharedThreshold; nothing counts any more. Hot objects are counted in
// an array of each thread as well: their `shared` carries kPerThreadBias.
// Invariants.  INV-B-1: true count >= 0. INV-B-3: merged implies local == 0 and
// owner == 0, and never goes back. INV-B-4: only the owner writes `local`,
// except in a stopped world, or under the bucket mutex when the owner has left the
// merge table or is borrowed.
// Thread safety.  See reference_count.h. Fork.  Nothing to do: one byte mutexes
// of objects are free at a fork because no runtime mutex is held at a safe
// point.
// Source.  Choi, Shull, Torrellas, PACT 2018; CPython Include/object.h.
// Differs: ids are 64 bits and never reused; the index of the type's reference
// total is kept in the header; immortality is also visible in `shared`.

#ifndef RUNTIME_OBJECT_OBJECT_H_
#define RUNTIME_OBJECT_OBJECT_H_

#include <cstddef>
#include <cstdint>

#include "runtime/base/atomic.h"
#include "runtime/sync/mutex.h"

namespace rt {

struct TypeObject;

// Flag bits of Object::shared.
inline constexpr int kSharedShift = 2;
inline constexpr int64_t kSharedOne = int64_t{1} << kSharedShift;
inline constexpr int64_t kSharedFlagMask = kSharedOne - 1;
inline constexpr int64_t kSharedInitial = 0;
inline constexpr int64_t kSharedMaybeWeakref = 1;
inline constexpr int64_t kSharedQueued = 2;
inline constexpr int64_t kSharedMerged = 3;

// Object::owner of an object without owner.
inline constexpr uint64_t kNoOwner = 0;

// Object::local of an immortal object.
inline constexpr uint32_t kImmortalLocal = UINT32_MAX;

// Object::shared of an object at the moment it becomes immortal. Latecomers
// that saw it mortal may still add or subtract a few; 2^58 counts of distance
// on either side of the threshold can never be crossed.
inline constexpr int64_t kImmortalShared = (int64_t{1} << 61) | kSharedMerged;
inline constexpr int64_t kImmortalSharedThreshold = int64_t{1} << 60;

// What an object with per-thread counts has in `shared` on top (per_thread_count.h):
// 2^56 references, far from 0 and from the threshold whatever is added.
inline constexpr int64_t kPerThreadBias = (int64_t{1} << 56) * kSharedOne;
static_assert(2 * kPerThreadBias < kImmortalSharedThreshold);

// Whether `shared` is that of an object with per-thread counts.
inline constexpr bool HasPerThreadBias(int64_t shared) {
  return shared >= kPerThreadBias / 2 && shared < kImmortalSharedThreshold;
}

// Object::flags.
inline constexpr uint8_t kFlagFinalized = 1;  // The finalizer has been called.

// Object::gc_bits. Written by who makes or destroys the object, and in a stopped
// world. Only a tracked object is in the collector's hands (object/tracking.h).
//   [0] tracked  [1] reached  [2] pending  [3] frozen  [4] candidate
inline constexpr uint8_t kGcTracked = 1;     // Alive, whole, and of a kind that can be in a cycle.
inline constexpr uint8_t kGcReached = 2;     // By the last marking; stale outside of it.
inline constexpr uint8_t kGcPending = 4;     // Reached, not yet traversed; only while marking.
inline constexpr uint8_t kGcFrozen = 8;      // Collections leave it alone.
inline constexpr uint8_t kGcCandidate = 16;  // Found unreachable by the collection under way.

// Object::stat_index of a dead object (a live one is below kReferenceTypeCount).
inline constexpr uint8_t kDeadStatIndex = 0xff;

// What the type word of a dead object holds where RT_CHECKS are on: the byte that
// freed blocks are filled with. Not a canonical address, so that following it
// faults as well.
inline constexpr uintptr_t kDeadTypeWord = 0xdddddddddddddddd;

struct Object {
  Atomic<uint64_t> owner;      // Thread state id, kNoOwner, or a link when dead.
  Atomic<uint8_t> flags;       // kFlag...; written by whoever destroys.
  Atomic<uint8_t> stat_index;  // Copy of type->stat_index, for the totals.
  Mutex mutex;                 // Serializes writers of containers; a leaf.
  uint8_t gc_bits;             // kGc...
  Atomic<uint32_t> local;      // The owner's count.
  Atomic<int64_t> shared;      // Everybody else's count and the flag.
  TypeObject* type;            // Poisoned when dead.
};

// The allocator and lock-free readers rely on these offsets: the first
// kReadableHeaderBytes of a dead object stay readable.
inline constexpr size_t kReadableHeaderBytes = 24;
static_assert(sizeof(Object) == 32);
static_assert(offsetof(Object, owner) == 0);
static_assert(offsetof(Object, local) == 12);
static_assert(offsetof(Object, shared) == 16);
static_assert(offsetof(Object, type) == kReadableHeaderBytes);

}  // namespace rt

#endif  // RUNTIME_OBJECT_OBJECT_H_
