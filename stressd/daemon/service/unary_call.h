// A unary call whose answer takes a blocking step.
//
// Model.  The reactor is made on gRPC's thread, its handler runs in a pool, and
// it deletes itself when gRPC is done with it. A call that was cancelled or is
// past its deadline before its turn is not begun.
// Thread safety.  StartUnary(): gRPC's threads.
#ifndef STRESSD_DAEMON_SERVICE_UNARY_CALL_H_
#define STRESSD_DAEMON_SERVICE_UNARY_CALL_H_

#include <functional>

#include "grpcpp/grpcpp.h"
#include "stressd/daemon/service/call_gate.h"
#include "stressd/daemon/service/worker_pool.h"

namespace stressd::service {

// What every service needs to run calls. Not owned.
struct CallParts {
  CallGate* gate = nullptr;
  WorkerPool* pool = nullptr;       // Memory and disk: milliseconds.
  WorkerPool* host_pool = nullptr;  // May wait for a host to start: seconds.
};

// The status of a call that comes while the daemon shuts down.
grpc::Status ShuttingDownStatus();

// The status of a call for which no thread is left.
grpc::Status OverloadedStatus();

// Runs `handler`, which fills the response, in `pool`. Request and response
// live until it has returned.
grpc::ServerUnaryReactor* StartUnary(CallGate* gate, WorkerPool* pool,
                                     grpc::CallbackServerContext* context,
                                     std::function<grpc::Status()> handler);

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_UNARY_CALL_H_
