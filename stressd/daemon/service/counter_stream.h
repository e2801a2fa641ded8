// The stream of WatchCounters.
//
// Model.  One thing at a time: take a sample in the pool, write it, wait for the
// next tick. Ticks lie on a fixed grid; those a slow reader or host missed are
// skipped.
// Invariants.  C1: sampling, writing and waiting never overlap; each ends by
// starting the next one or the end.
// Thread safety.  mutex_ is a leaf; only the alarm is set and cancelled under it.
#ifndef STRESSD_DAEMON_SERVICE_COUNTER_STREAM_H_
#define STRESSD_DAEMON_SERVICE_COUNTER_STREAM_H_

#include "grpcpp/grpcpp.h"
#include "proto/stressd/v1/counters.pb.h"
#include "stressd/daemon/runs/host_view.h"
#include "stressd/daemon/runs/scenario_catalog.h"
#include "stressd/daemon/service/unary_call.h"

namespace stressd::service {

// Returns a reactor that deletes itself when the call is over.
grpc::ServerWriteReactor<v1::WatchCountersResponse>* StartCounterStream(
    const CallParts& parts, runs::HostView* hosts, const runs::ScenarioCatalog* catalog,
    const v1::WatchCountersRequest& request);

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_COUNTER_STREAM_H_
