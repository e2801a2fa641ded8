#include "stressd/host/scenarios/fault_injection.h"

namespace stressd::host {
namespace {

struct FaultState {
  uint64_t random = 0;
  uint32_t per_million = 0;  // 0: none.
  int64_t count = 0;
};

thread_local constinit FaultState fault_state;

bool DrawFault(const char*) {
  FaultState& state = fault_state;
  if (state.per_million == 0) return false;
  // xorshift64: one word of state, and a hook may be called with any lock held.
  state.random ^= state.random << 13;
  state.random ^= state.random >> 7;
  state.random ^= state.random << 17;
  if ((state.random >> 20) % 1'000'000 >= state.per_million) return false;
  ++state.count;
  return true;
}

}  // namespace

FaultRound::FaultRound() : before_(rt::SetFaultHook(&DrawFault)) {}
FaultRound::~FaultRound() { (void)rt::SetFaultHook(before_); }

FaultyThread::FaultyThread(uint64_t seed, uint32_t faults_per_million) {
  fault_state = {.random = seed, .per_million = faults_per_million, .count = 0};
}
FaultyThread::~FaultyThread() { fault_state.per_million = 0; }
int64_t FaultyThread::fault_count() { return fault_state.count; }

NoFaults::NoFaults() : before_(fault_state.per_million) { fault_state.per_million = 0; }
NoFaults::~NoFaults() { fault_state.per_million = before_; }

}  // namespace stressd::host
