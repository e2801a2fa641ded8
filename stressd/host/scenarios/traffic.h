// Traffic: one system's share of the work that the scenario `mixed` draws from.
//
// Model.  A traffic owns places that all threads of a run reach and does one
//   operation at a time on the thread that asks. What a thread keeps for itself
//   stands in its Held list, so that somebody else can drop it: the main thread
//   at the end, the survivor in the child of a fork.
// Invariants.  TR-1: at a safe point every reference of a thread is in its Held
//   list or in a place. TR-2: after DropAll(), when everything is merged and
//   collected, nothing that the traffic made is alive.
// Thread safety.  Operate(): any attached thread, each with a Held of its own.
//   The rest: one thread, while no other works.
// Fork.  In the child DropAllInChild() takes the place of DropAll().

#ifndef STRESSD_HOST_SCENARIOS_TRAFFIC_H_
#define STRESSD_HOST_SCENARIOS_TRAFFIC_H_

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "runtime/runtime.h"
#include "stressd/host/scenario/prng.h"
#include "stressd/host/scenario/scenario_context.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

// Objects that one thread state made, a reference to each.
using Held = std::vector<rt::Object*>;

// Who works: an attached thread state, its draws and what it holds.
struct TrafficThread {
  ScenarioContext& context;
  rt::ThreadState& state;
  size_t worker;  // Which OS thread of the round, from 0.
  Prng& prng;
  Held& held;
};

class Traffic {
 public:
  virtual ~Traffic() = default;

  // Makes what the threads share, unless it is there. Call DropAll() even after
  // an error (ResourceExhaustedError when memory runs out).
  virtual absl::Status Create(ScenarioContext& context) {
    (void)context;
    return absl::OkStatus();
  }

  // Does one random operation. ResourceExhaustedError, with nothing half done,
  // when memory ran out; AbortedError when the thread state was shut down.
  virtual absl::Status Operate(TrafficThread& thread) = 0;

  // Drops everything that is shared.
  virtual void DropAll(ScenarioContext& context) { (void)context; }
  virtual void DropAllInChild(ScenarioContext& context) { DropAll(context); }

  // Judges what has happened since the last call. Everything was dropped, merged
  // and collected.
  virtual void Judge(ViolationList& out) { (void)out; }
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_TRAFFIC_H_
