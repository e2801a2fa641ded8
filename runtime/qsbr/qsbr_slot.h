// One thread state's place in QSBR: plain data, part of no lock.
//
// Model.  A slot lives in a block that never moves, so a thread state keeps its
// pointer for life and nobody has to stop the world to add slots. Its sequence
// is what every other thread looks at; it has a cache line of its own.
// Thread safety.  `sequence`: written by the thread attached through the slot,
// read by all. The rest: guarded by the mutex of the QsbrShared it belongs to,
// or constant.
#ifndef RUNTIME_QSBR_QSBR_SLOT_H_
#define RUNTIME_QSBR_QSBR_SLOT_H_

#include <cstdint>

#include "runtime/base/atomic.h"
#include "runtime/base/cache_line.h"

namespace rt {

class QsbrShared;

// A point in the history of one interpreter's unlinks. Odd; 0 is no point.
using QsbrSequence = uint64_t;

inline constexpr QsbrSequence kQsbrDetached = 0;
inline constexpr QsbrSequence kQsbrFirstSequence = 1;
// 2: sequences stay odd when they wrap, so none is ever kQsbrDetached.
inline constexpr QsbrSequence kQsbrStep = 2;

// Whether `a` comes before `b`; right across a wrap as long as the two are less
// than 2^63 apart.
constexpr bool QsbrBefore(QsbrSequence a, QsbrSequence b) {
  return static_cast<int64_t>(a - b) < 0;
}

struct alignas(kCacheLineBytes) QsbrSlot {
  // The write sequence its thread saw when it was last quiescent, or
  // kQsbrDetached.
  Atomic<QsbrSequence> sequence;
  // Who it is a slot of. Constant.
  QsbrShared* shared = nullptr;
  // The id of the thread state it is reserved for, 0 while it is free.
  uint64_t owner_id = 0;
  // The next free slot, while it is free.
  QsbrSlot* next_free = nullptr;
};
static_assert(sizeof(QsbrSlot) == kCacheLineBytes);

}  // namespace rt

#endif  // RUNTIME_QSBR_QSBR_SLOT_H_
