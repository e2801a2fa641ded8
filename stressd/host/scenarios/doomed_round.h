// A round of foreign-finalize: one interpreter, the threads that work in it until
// it is struck, and what they share with the thread that strikes.
//
// Model.  Every victim roots the shared objects and waits; the finalizer then
//   opens the round. With Strike::kClear the victims park, detached, and the
//   finalizer deletes their thread states; otherwise they work until they find
//   themselves shut down.
// Invariants.  R1: each victim's thread state is released or deleted exactly
//   once, whoever ends the round. R2: the number of announced batches reaches
//   `strike_after` whatever the victims do.
// Thread safety.  BeVictim(): the victim's OS thread. AwaitBatches(): the
//   finalizer's. The plain fields change only while no other thread plays.

#ifndef STRESSD_HOST_SCENARIOS_DOOMED_ROUND_H_
#define STRESSD_HOST_SCENARIOS_DOOMED_ROUND_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "runtime/base/atomic.h"
#include "runtime/runtime.h"
#include "stressd/host/scenario/scenario_context.h"
#include "stressd/host/scenario/start_gate.h"
#include "stressd/host/scenario/violation.h"
#include "stressd/host/scenarios/doomed_interpreter.h"

namespace stressd::host {

// 64: what a victim does between two announcements of progress.
inline constexpr int64_t kDoomedBatch = 64;

// How the finalizing thread strikes.
enum class Strike { kClear, kInside, kElsewhere, kNowhere, kRuntime };

struct DoomedRound {
  rt::Runtime* own_runtime = nullptr;  // kRuntime.
  rt::Interpreter* interpreter = nullptr;
  rt::ThreadState* finalizer = nullptr;  // The finalizing thread's.
  Strike strike = Strike::kClear;
  uint32_t strike_after = 0;     // Batches, over all victims.
  int64_t batches_per_park = 0;  // kClear: at most, of each victim.
  std::string moment;            // For messages.
  ViolationList* found = nullptr;
  DoomedInterpreter doomed;
  StartGate rooted;                 // The victims have their roots.
  StartGate parked;                 // kClear: they are detached and wait for the end.
  rt::Atomic<uint32_t> failed{0};   // Victims that could not get a root.
  rt::Atomic<uint32_t> batches{0};  // Done, over all victims.
  rt::Atomic<uint32_t> give_up{0};  // 1: the victims end by themselves.
  rt::Atomic<uint32_t> played{0};   // 1: the threads could be started.
};

struct Victim {
  rt::ThreadState* thread = nullptr;
  bool left = false;  // kClear: its OS thread did not wait for the end.
};

// Ends the current thread state by itself, because nobody else will.
void Retire(rt::ThreadState& thread);

// The life of one victim. ResourceExhaustedError if memory runs out.
absl::Status BeVictim(ScenarioContext& context, DoomedRound& round, Victim& victim, Worker& worker);

// Blocks until the victims have done `strike_after` batches.
void AwaitBatches(DoomedRound& round);

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_DOOMED_ROUND_H_
