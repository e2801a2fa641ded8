// The layout of counter memory, as another process may read it.
//
// Model.  A region is one header followed by slots, all 64-byte aligned, all
// little endian. Each slot belongs to one thread state or interpreter and holds
// a block of cells that only its owner writes. A reader in another process,
// live or after the writer's death, knows from kCounterLayoutVersion that the
// offsets below hold.
//   header   0  magic         8  version       12 header_bytes
//            16 slot_bytes    20 slot_count    24 counter_count (cells in use)
//            28 type_count    32 change_sequence
//   slot     0  owner_id      8  interpreter_id  16 sequence  20 kind
//            64 events[64]    576 references[64]
// Invariants.  I1: a slot whose owner_id is 0 is free. I2: a slot whose sequence
// is odd is torn: its owner or cells are just being replaced, or were when the
// writer died. I3: change_sequence is odd while any slot is being handed out,
// folded or freed; sums over slots read between two equal even values are not
// torn by a fold. I4: cells only ever change as a whole word; two cells of a
// live slot are not from one instant.
// A fold in progress shows as an odd sequence in both slots: when the writer
// died in it, some cells have been counted in both.
#ifndef RUNTIME_STATS_COUNTER_LAYOUT_H_
#define RUNTIME_STATS_COUNTER_LAYOUT_H_

#include <cstddef>
#include <cstdint>

#include "runtime/base/atomic.h"
#include "runtime/base/cache_line.h"
#include "runtime/stats/counter.h"

namespace rt {

// Spells "RTCNTRS1" in memory.
inline constexpr uint64_t kCounterRegionMagic = 0x31535254'4e435452;
// Raised with every change of the layout or of a counter's meaning.
inline constexpr uint32_t kCounterLayoutVersion = 2;

// 64: more than we count today, and 512 bytes, a whole number of cache lines.
inline constexpr std::size_t kCounterCapacity = 64;
// 64: as many types as a scenario tells apart; index 0 is every other type.
inline constexpr std::size_t kReferenceTypeCount = 64;
static_assert(kCounterCount <= kCounterCapacity);

enum class CounterOwnerKind : uint32_t {
  kNone = 0,         // The slot is free.
  kThreadState = 1,  // owner_id is the thread state's id.
  kInterpreter = 2,  // owner_id is the interpreter's id.
};

// Signed, so that a difference of two readings and a negative reference total
// are what they look like.
using CounterCell = Atomic<int64_t>;

struct CounterRegionHeader {
  Atomic<uint64_t> magic;
  Atomic<uint32_t> version;
  Atomic<uint32_t> header_bytes;
  Atomic<uint32_t> slot_bytes;
  Atomic<uint32_t> slot_count;
  Atomic<uint32_t> counter_count;
  Atomic<uint32_t> type_count;
  Atomic<uint32_t> change_sequence;
  uint32_t reserved[7];
};
static_assert(sizeof(CounterRegionHeader) == kCacheLineBytes);
static_assert(offsetof(CounterRegionHeader, version) == 8);
static_assert(offsetof(CounterRegionHeader, header_bytes) == 12);
static_assert(offsetof(CounterRegionHeader, slot_bytes) == 16);
static_assert(offsetof(CounterRegionHeader, slot_count) == 20);
static_assert(offsetof(CounterRegionHeader, counter_count) == 24);
static_assert(offsetof(CounterRegionHeader, type_count) == 28);
static_assert(offsetof(CounterRegionHeader, change_sequence) == 32);

}  // namespace rt

#endif  // RUNTIME_STATS_COUNTER_LAYOUT_H_
