#include "stressd/daemon/service/run_stream.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "stressd/daemon/service/conversion.h"
#include "stressd/daemon/service/resource_name.h"
#include "stressd/daemon/service/status_conversion.h"

namespace stressd::service {
namespace {

class RunStream final : public grpc::ServerWriteReactor<v1::WatchRunResponse> {
 public:
  RunStream(const CallParts& parts, runs::RunManager* runs, const v1::WatchRunRequest& request)
      : parts_(parts), runs_(runs), request_(request), entered_(parts.gate->Enter()) {
    if (!entered_) {
      Finish(ShuttingDownStatus());
    } else if (!parts_.pool->Post([this] { Subscribe(); })) {
      Finish(OverloadedStatus());
    }
  }

  void OnWriteDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      if (!ok) cancelled_ = true;
    }
    Pump();
  }

  void OnCancel() override {
    {
      const std::lock_guard lock(mutex_);
      cancelled_ = true;
    }
    Pump();
  }

  void OnDone() override {
    // After these two nobody else knows this object.
    if (watch_ != nullptr) watch_->Cancel();
    if (stream_handle_ != 0) parts_.gate->RemoveStream(stream_handle_);
    if (entered_) parts_.gate->Leave();
    delete this;
  }

 private:
  // In the pool.
  void Subscribe() {
    absl::Status status;
    const auto id = ParseResourceId("name", "runs", request_.name());
    if (!id.ok()) {
      status = id.status();
    } else if (request_.after_sequence() < 0) {
      status = FieldError("after_sequence", std::to_string(request_.after_sequence()),
                          "is negative", "0 and more");
    }
    std::shared_ptr<runs::RunWatch> watch;
    if (status.ok()) {
      auto watched = runs_->WatchRun(*id, [this] { Pump(); });
      if (watched.ok()) {
        watch = *std::move(watched);
      } else {
        status = watched.status();
      }
    }
    if (!status.ok()) {
      // Nothing else of ours can be running: no watch, not registered.
      {
        const std::lock_guard lock(mutex_);
        finished_ = true;
      }
      Finish(ToGrpcStatus(status));
      return;
    }
    const int64_t handle = parts_.gate->AddStream([this] { OnGateClosed(); });
    {
      const std::lock_guard lock(mutex_);
      watch_ = std::move(watch);
      stream_handle_ = handle;
    }
    Pump();
  }

  void OnGateClosed() {
    {
      const std::lock_guard lock(mutex_);
      draining_ = true;
    }
    Pump();
  }

  // Does the next thing if there is one and it is time.
  void Pump() {
    std::optional<grpc::Status> end;
    {
      const std::lock_guard lock(mutex_);
      if (watch_ == nullptr || writing_ || finished_) return;
      if (cancelled_) {
        end = grpc::Status::CANCELLED;
      } else if (final_sent_) {
        end = grpc::Status::OK;
      } else if (TakeNext()) {
        writing_ = true;
      } else if (draining_) {
        end = ShuttingDownStatus();
      } else {
        return;
      }
      finished_ = end.has_value();
    }
    // Whoever gets here is alone: others see writing_ or finished_.
    if (end.has_value()) {
      Finish(*end);
    } else {
      StartWrite(&response_);
    }
  }

  // Fills response_ with the next state that the client wants. With mutex_.
  bool TakeNext() {
    for (;;) {
      const std::optional<runs::RunRecord> run = watch_->Take();
      if (!run.has_value()) return false;
      final_sent_ = run->state == runs::RunState::kFinished;
      if (!final_sent_ && static_cast<int64_t>(run->sequence) <= request_.after_sequence()) {
        continue;
      }
      *response_.mutable_run() = ToRun(*run, final_sent_);
      return true;
    }
  }

  const CallParts parts_;
  runs::RunManager* const runs_;
  const v1::WatchRunRequest request_;
  const bool entered_;
  std::mutex mutex_;  // Guards the rest.
  std::shared_ptr<runs::RunWatch> watch_;
  int64_t stream_handle_ = 0;
  v1::WatchRunResponse response_;  // The transport's while writing_.
  bool writing_ = false;
  bool final_sent_ = false;
  bool cancelled_ = false;
  bool draining_ = false;
  bool finished_ = false;
};

}  // namespace

grpc::ServerWriteReactor<v1::WatchRunResponse>* StartRunStream(const CallParts& parts,
                                                               runs::RunManager* runs,
                                                               const v1::WatchRunRequest& request) {
  return new RunStream(parts, runs, request);
}

}  // namespace stressd::service
