#include "stressd/daemon/service/unary_call.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "stressd/daemon/service/status_conversion.h"

namespace stressd::service {
namespace {

class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  UnaryCall(CallGate* gate, WorkerPool* pool, grpc::CallbackServerContext* context,
            std::function<grpc::Status()> handler)
      : gate_(gate), context_(context), handler_(std::move(handler)), entered_(gate->Enter()) {
    if (!entered_) {
      Finish(ShuttingDownStatus());
    } else if (!pool->Post([this] { Run(); })) {
      Finish(OverloadedStatus());
    }
  }

  void OnDone() override {
    if (entered_) gate_->Leave();
    delete this;
  }

 private:
  void Run() {
    if (absl::FromChrono(context_->deadline()) <= absl::Now()) {
      Finish(grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "too late to begin"));
    } else if (context_->IsCancelled()) {
      Finish(grpc::Status::CANCELLED);
    } else {
      Finish(handler_());
    }
  }

  CallGate* const gate_;
  grpc::CallbackServerContext* const context_;
  const std::function<grpc::Status()> handler_;
  const bool entered_;
};

}  // namespace

grpc::Status ShuttingDownStatus() {
  return ToGrpcStatus(absl::UnavailableError("the daemon is shutting down"));
}

grpc::Status OverloadedStatus() {
  return ToGrpcStatus(absl::ResourceExhaustedError("too many calls are waiting; try again"));
}

grpc::ServerUnaryReactor* StartUnary(CallGate* gate, WorkerPool* pool,
                                     grpc::CallbackServerContext* context,
                                     std::function<grpc::Status()> handler) {
  return new UnaryCall(gate, pool, context, std::move(handler));
}

}  // namespace stressd::service
