// The stream of WatchRun.
//
// Model.  A RunWatch holds the newest snapshot; the stream takes it whenever the
// transport is free, so a slow reader costs no memory. It ends after the
// finished run, when the client leaves, or when the daemon shuts down.
// Invariants.  T1: at most one write is under way; Finish() is called once, and
// never before Subscribe() has ended.
// Thread safety.  mutex_ is taken before RunWatch's and is not held while gRPC
// is called.
#ifndef STRESSD_DAEMON_SERVICE_RUN_STREAM_H_
#define STRESSD_DAEMON_SERVICE_RUN_STREAM_H_

#include "grpcpp/grpcpp.h"
#include "proto/stressd/v1/run.pb.h"
#include "stressd/daemon/runs/run_manager.h"
#include "stressd/daemon/service/unary_call.h"

namespace stressd::service {

// Returns a reactor that deletes itself when the call is over.
grpc::ServerWriteReactor<v1::WatchRunResponse>* StartRunStream(const CallParts& parts,
                                                               runs::RunManager* runs,
                                                               const v1::WatchRunRequest& request);

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_RUN_STREAM_H_
