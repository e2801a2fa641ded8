// Answers a SnapshotRequest: an exact look at the resident runtime from a thread
// that is not the executor's.
//
// Thread safety.  Any thread without a current thread state; one at a time.
#ifndef STRESSD_HOST_RUNTIME_SNAPSHOT_H_
#define STRESSD_HOST_RUNTIME_SNAPSHOT_H_

#include "runtime/state/runtime.h"
#include "stressd/host/observation_gate.h"
#include "stressd/protocol/host.pb.h"

namespace stressd::host {

// Looks at the runtime's own interpreter and at the live run's. The interpreters
// that a scenario makes for itself are its own affair: they may go at any time.
// `error` is set when a run is just being judged, which takes milliseconds.
protocol::SnapshotResult TakeSnapshot(rt::Runtime& runtime, ObservationGate& gate);

}  // namespace stressd::host

#endif  // STRESSD_HOST_RUNTIME_SNAPSHOT_H_
