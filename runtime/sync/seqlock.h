// A sequence lock: readers that write nothing and retry when a writer came by.
//
// Model.  A sequence, odd while somebody writes. The data is made of SeqCell<T>;
// a reader reads cells between BeginRead() and EndRead() and throws away what it
// read when EndRead() returns false. It must not act on what it read before.
// Invariants.  I1: the sequence is even when nobody writes. I2: a reader whose
// EndRead() returned true saw all of each write or nothing of it.
// Orders.  No fences: a cell is stored with release and loaded with acquire, so
// a reader that saw a cell of an unfinished write also sees the sequence odd or
// changed. On x86-64 both are plain moves.
// Thread safety.  Readers: any thread. BeginWrite() to EndWrite(): one thread at
// a time, others wait by spinning: for short writes, or under another lock.
// Fork.  AfterForkChild(): a write begun by a thread that is gone counts as
// ended; the data may be half written.
// Source.  H.-J. Boehm, "Can seqlocks get along with programming language memory
// models?", MSPC 2012.
#ifndef RUNTIME_SYNC_SEQLOCK_H_
#define RUNTIME_SYNC_SEQLOCK_H_

#include <cstdint>

#include "runtime/base/atomic.h"
#include "runtime/base/futex.h"

namespace rt {

// One word of data guarded by a SeqLock.
template <typename T>
class SeqCell {
 public:
  constexpr SeqCell() = default;
  constexpr explicit SeqCell(T value) : value_(value) {}

  T Read() const {
    // (S1) acquire load, synchronizes with the release store (S2) in Write():
    //      seeing a new value, EndRead() sees the sequence that announced it.
    return value_.load(std::memory_order_acquire);
  }
  // By the writer only.
  void Write(T value) {
    // (S2) release store, synchronizes with the acquire load (S1) in Read():
    //      the odd sequence is visible to who sees the value.
    value_.store(value, std::memory_order_release);
  }

 private:
  Atomic<T> value_;
};

class SeqLock {
 public:
  constexpr SeqLock() = default;
  SeqLock(const SeqLock&) = delete;
  SeqLock& operator=(const SeqLock&) = delete;

  // Returns what EndRead() wants, after waiting until nobody writes.
  uint32_t BeginRead() const {
    for (int turn = 0;; ++turn) {
      // (S3) acquire load, synchronizes with the release store (S6) in
      //      EndWrite(): we see every write that ended before.
      const uint32_t sequence = sequence_.load(std::memory_order_acquire);
      if ((sequence & 1) == 0) return sequence;
      SpinBriefly(turn);
    }
  }

  // Returns whether what was read since BeginRead() belongs together.
  [[nodiscard]] bool EndRead(uint32_t begun) const {
    // relaxed: the acquire loads (S1) of the cells keep it after them.
    return sequence_.load(std::memory_order_relaxed) == begun;
  }

  void BeginWrite() {
    for (int turn = 0;; ++turn) {
      // relaxed: the exchange below decides.
      uint32_t sequence = sequence_.load(std::memory_order_relaxed);
      // (S5) acquire on success, synchronizes with the release store (S6) in
      //      EndWrite(): the last writer's cells come before ours.
      if ((sequence & 1) == 0 &&
          sequence_.compare_exchange_weak(sequence, sequence + 1, std::memory_order_acquire,
                                          std::memory_order_relaxed)) {
        return;
      }
      SpinBriefly(turn);
    }
  }

  void EndWrite() {
    // relaxed: only the writer changes an odd sequence.
    const uint32_t sequence = sequence_.load(std::memory_order_relaxed);
    // (S6) release store, synchronizes with (S3) in BeginRead() and (S5) in
    //      BeginWrite(): who sees it even sees our cells.
    sequence_.store(sequence + 1, std::memory_order_release);
  }

  void AfterForkChild() {
    // relaxed: no other thread exists.
    const uint32_t sequence = sequence_.load(std::memory_order_relaxed);
    sequence_.store(sequence + (sequence & 1), std::memory_order_relaxed);
  }

 private:
  Atomic<uint32_t> sequence_;
};

}  // namespace rt

#endif  // RUNTIME_SYNC_SEQLOCK_H_
