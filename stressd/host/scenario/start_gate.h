// StartGate: where the threads of a run meet before any of them starts.
//
// Model.  Threads call ArriveAndWait() and sleep; the thread that directs them
//   calls Open() once all have arrived, or Break() if some could not be made. So no thread works
//   before all exist, and a failed thread creation never leaves the others waiting.
// Invariants.  G1: the gate opens or breaks once and stays so.
// Thread safety.  All functions from any thread. Callers that own an attached
//   thread state detach it first: a waiter does not answer safe points.
// Fork.  Must not be in use across a fork.

#ifndef STRESSD_HOST_SCENARIO_START_GATE_H_
#define STRESSD_HOST_SCENARIO_START_GATE_H_

#include <cstdint>

#include "runtime/base/atomic.h"

namespace stressd::host {

class StartGate {
 public:
  StartGate() = default;
  StartGate(const StartGate&) = delete;
  StartGate& operator=(const StartGate&) = delete;

  // Reports the caller's arrival.
  void Arrive();

  // Reports the caller's arrival and blocks until the gate opens (true) or
  // breaks (false).
  [[nodiscard]] bool ArriveAndWait();

  // Blocks until `expected` threads have arrived.
  void AwaitArrivals(uint32_t expected);

  // Lets every thread through, now and later.
  void Open() { Decide(kOpen); }

  // Sends every thread away, now and later.
  void Break() { Decide(kBroken); }

 private:
  enum : uint32_t { kClosed = 0, kOpen = 1, kBroken = 2 };

  void Decide(uint32_t decision);

  rt::Atomic<uint32_t> arrived_{0};
  rt::Atomic<uint32_t> decision_{kClosed};
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIO_START_GATE_H_
