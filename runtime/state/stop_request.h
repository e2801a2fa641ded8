// One stop in progress: plain data, one per interpreter and one per runtime.
//
// Model.  `requested` from the first thread asked to the start of the world;
//   `countdown` is what is left to wait for.
// Invariants.  INV-STW-2 (stop_the_world.h).
// Thread safety.  Guarded by the runtime's threads_mutex, but `countdown` is read
//   without it.

#ifndef RUNTIME_STATE_STOP_REQUEST_H_
#define RUNTIME_STATE_STOP_REQUEST_H_

#include <cstdint>

#include "runtime/base/atomic.h"

namespace rt {

struct ThreadStateImpl;

struct StopRequest {
  bool requested = false;
  ThreadStateImpl* requester = nullptr;
  // Thread states still to answer; the futex word of the requester.
  Atomic<uint32_t> countdown{0};
  // When the last thread answered, for the counters; 0 if nobody had to.
  int64_t stopped_ns = 0;
  // Stops since the beginning.
  uint64_t stop_count = 0;
};

}  // namespace rt

#endif  // RUNTIME_STATE_STOP_REQUEST_H_
