// Fault injection: allocations of the runtime core that fail at random, on threads
// that ask for it.
//
// Model.  A FaultRound installs a hook for as long as it lives; a FaultyThread makes
//   the fault points that its OS thread passes fail so many times in a million, by
//   draws of its own seed, or an NthFault the n-th one that it passes; NoFaults keeps
//   them off for a while.
// Thread safety.  FaultRound: one at a time, made and ended while no other thread is
//   in the runtime core. The others: a thread's own.
// Fork.  In the child the survivor's faults go on: it uses NoFaults.

#ifndef STRESSD_HOST_SCENARIOS_FAULT_INJECTION_H_
#define STRESSD_HOST_SCENARIOS_FAULT_INJECTION_H_

#include <cstdint>

#include "runtime/base/fault_point.h"

namespace stressd::host {

class FaultRound {
 public:
  FaultRound();
  ~FaultRound();
  FaultRound(const FaultRound&) = delete;
  FaultRound& operator=(const FaultRound&) = delete;

 private:
  const rt::FaultHook before_;
};

class FaultyThread {
 public:
  // `seed` is not 0.
  FaultyThread(uint64_t seed, uint32_t faults_per_million);
  ~FaultyThread();
  FaultyThread(const FaultyThread&) = delete;
  FaultyThread& operator=(const FaultyThread&) = delete;

  // How many fault points have failed on this thread since it was made.
  static int64_t fault_count();
};

// On a thread without a FaultyThread.
class NthFault {
 public:
  // `nth` is 1 or more. `lasting`: those after the n-th fail as well.
  NthFault(int64_t nth, bool lasting);
  ~NthFault();
  NthFault(const NthFault&) = delete;
  NthFault& operator=(const NthFault&) = delete;

  // Whether the n-th fault point was passed.
  bool has_fired() const;
};

class NoFaults {
 public:
  NoFaults();
  ~NoFaults();
  NoFaults(const NoFaults&) = delete;
  NoFaults& operator=(const NoFaults&) = delete;

 private:
  const uint32_t per_million_before_;
  const int64_t until_nth_before_;
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_FAULT_INJECTION_H_
