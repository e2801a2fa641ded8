// Vector clocks: what each thread has seen of every other.
//
// Model.  Component t counts the release operations of thread t. `a` happened
// before `b` if b's clock holds at least a's component of a's thread.
// Invariants.  I1: components at or above size() are zero and not stored.
// Thread safety.  None: the engine runs one thread at a time.
// Source.  Mattern, "Virtual time and global states of distributed systems";
// Flanagan, Freund, "FastTrack" (epochs for single accesses, race_detector.h).
#ifndef STRESSD_EXPLORE_VECTOR_CLOCK_H_
#define STRESSD_EXPLORE_VECTOR_CLOCK_H_

#include <stdint.h>
#include <string.h>

#include "stressd/explore/exchange.h"

namespace explore {

class VectorClock {
 public:
  uint32_t size() const { return size_; }
  uint32_t Get(uint32_t thread) const { return thread < size_ ? at_[thread] : 0; }

  void Clear() { size_ = 0; }

  void Set(uint32_t thread, uint32_t value) {
    Extend(thread + 1);
    at_[thread] = value;
  }

  // The component-wise maximum.
  void Join(const VectorClock& other) {
    Extend(other.size_);
    for (uint32_t i = 0; i < other.size_; ++i) {
      if (other.at_[i] > at_[i]) at_[i] = other.at_[i];
    }
  }

  void Assign(const VectorClock& other) {
    size_ = other.size_;
    memcpy(at_, other.at_, size_ * sizeof(at_[0]));
  }

 private:
  void Extend(uint32_t size) {
    if (size <= size_) return;
    memset(at_ + size_, 0, (size - size_) * sizeof(at_[0]));
    size_ = size;
  }

  uint32_t size_ = 0;
  uint32_t at_[kMaxThreads] = {};
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_VECTOR_CLOCK_H_
