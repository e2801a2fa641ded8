#include "stressd/host/scenario/start_gate.h"

#include "runtime/base/futex.h"

namespace stressd::host {

void StartGate::Arrive() {
  // (G1) release add, synchronizes with the acquire load (G2) in
  //      AwaitArrivals(): what the thread prepared comes before the opening.
  arrived_.fetch_add(1, std::memory_order_release);
  rt::FutexWake(&arrived_, -1);
}

bool StartGate::ArriveAndWait() {
  Arrive();
  for (;;) {
    // (G3) acquire load, synchronizes with the release store (G4) in Decide():
    //      the thread sees everything that was made before the opening.
    const uint32_t decision = decision_.load(std::memory_order_acquire);
    if (decision != kClosed) return decision == kOpen;
    rt::FutexWait(decision_, kClosed, rt::kNoTimeout);
  }
}

void StartGate::AwaitArrivals(uint32_t expected) {
  for (;;) {
    // (G2) acquire load, synchronizes with the release add (G1) in
    //      Arrive().
    const uint32_t arrived = arrived_.load(std::memory_order_acquire);
    if (arrived >= expected) return;
    rt::FutexWait(arrived_, arrived, rt::kNoTimeout);
  }
}

void StartGate::Decide(uint32_t decision) {
  // (G4) release store, synchronizes with the acquire load (G3) in
  //      ArriveAndWait().
  decision_.store(decision, std::memory_order_release);
  rt::FutexWake(&decision_, -1);
}

}  // namespace stressd::host
