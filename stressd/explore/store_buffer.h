// Store buffers: a thread's stores that no other thread sees yet.
//
// Model.  While a thread runs, memory shows its own view: what is global plus
// its buffered stores. When another thread runs, they are taken back. So loads
// need no look-up, forwarding is free, and code that is not instrumented reads
// the right values. A store leaves the buffer ("drains") when the strategy says
// so, in order under TSO; under PSO it may pass earlier stores to other
// addresses unless it is a release store or a release fence stands between.
// Invariants.  I1: at most kDepth stores, in program order. I2: `under` of a
// store is what memory showed just before it was laid over it. I3: a plain
// store is announced before it happens, so the newest one's value is not known
// until Capture().
// Limits.  Bytes that uninstrumented code has overwritten meanwhile are left as
// they are: that store counts as drained.
// Thread safety.  The engine's OS thread only.
// Source.  Owens, Sarkar, Sewell, "A better x86 memory model: x86-TSO".
#ifndef STRESSD_EXPLORE_STORE_BUFFER_H_
#define STRESSD_EXPLORE_STORE_BUFFER_H_

#include <stdint.h>

#include "stressd/explore/vector_clock.h"

namespace explore {

struct BufferedStore {
  uintptr_t address;
  uintptr_t pc;
  uint8_t size_bytes;  // At most 16.
  bool atomic;
  bool ordered;   // Must not pass earlier stores, whatever the model.
  bool captured;  // `value` is known.
  uint8_t value[16];
  uint8_t under[16];
  VectorClock release;  // What a reader of an atomic store acquires.
};

class StoreBuffer {
 public:
  // 8: litmus outcomes need two; real buffers hold 40 to 70, but each store
  // kept costs two copies at every switch.
  static constexpr uint32_t kDepth = 8;

  bool empty() const { return count_ == 0; }
  bool full() const { return count_ == kDepth; }
  uint32_t size() const { return count_; }
  const BufferedStore& operator[](uint32_t index) const { return stores_[index]; }

  void Clear() { count_ = 0; }
  // A new newest store over what memory shows now. The buffer is not full. With
  // `value` the store is laid over memory at once, without it the program is
  // about to store by itself.
  BufferedStore& Push(uintptr_t address, uint8_t size_bytes, const void* value);
  // Learns the value of the newest store, which the program has made by now.
  void Capture();

  void Lift();  // Memory shows what is global again.
  void Lay();   // Memory shows the owner's view again.

  // The stores that may drain next: their number, and the index-th of them.
  uint32_t EligibleCount(bool may_pass) const;
  uint32_t Eligible(bool may_pass, uint32_t index) const;
  // Drains one. `laid`: memory shows the owner's view.
  void Drain(uint32_t position, bool laid);
  // From here on no store passes the ones before: a release fence.
  void Fence() { fence_ = count_; }

 private:
  bool MayDrain(uint32_t position, bool may_pass) const;

  uint32_t count_ = 0;
  uint32_t fence_ = 0;  // Stores at or after this position wait for those before it.
  BufferedStore stores_[kDepth];
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_STORE_BUFFER_H_
