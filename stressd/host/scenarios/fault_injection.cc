#include "stressd/host/scenarios/fault_injection.h"

namespace stressd::host {
namespace {

struct FaultState {
  uint64_t random = 0;
  uint32_t per_million = 0;  // 0: none.
  int64_t until_nth = 0;     // Fault points up to the one that fails; 0: none.
  bool lasting = false;
  int64_t count = 0;
};

thread_local constinit FaultState fault_state;

bool DrawNth(FaultState& state) {
  if (state.until_nth > 1) {
    --state.until_nth;
    return false;
  }
  if (state.count != 0 && !state.lasting) return false;
  ++state.count;
  return true;
}

bool DrawFault(const char*) {
  FaultState& state = fault_state;
  if (state.until_nth != 0) return DrawNth(state);
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
  fault_state = {.random = seed, .per_million = faults_per_million};
}
FaultyThread::~FaultyThread() { fault_state.per_million = 0; }
int64_t FaultyThread::fault_count() { return fault_state.count; }

NthFault::NthFault(int64_t nth, bool lasting) {
  fault_state = {.until_nth = nth, .lasting = lasting};
}
NthFault::~NthFault() { fault_state.until_nth = 0; }
bool NthFault::has_fired() const { return fault_state.count != 0; }

NoFaults::NoFaults()
    : per_million_before_(fault_state.per_million), until_nth_before_(fault_state.until_nth) {
  fault_state.per_million = 0;
  fault_state.until_nth = 0;
}
NoFaults::~NoFaults() {
  fault_state.per_million = per_million_before_;
  fault_state.until_nth = until_nth_before_;
}

}  // namespace stressd::host
