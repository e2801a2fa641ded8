#include "stressd/daemon/service/counter_stream.h"

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/alarm.h"
#include "stressd/daemon/service/conversion.h"
#include "stressd/daemon/service/flavor_sample.h"
#include "stressd/daemon/service/status_conversion.h"

namespace stressd::service {
namespace {

constexpr absl::Duration kIntervalDefault = absl::Seconds(1);
constexpr absl::Duration kIntervalMin = absl::Milliseconds(100);
constexpr absl::Duration kIntervalMax = absl::Hours(1);

absl::StatusOr<absl::Duration> ResolveInterval(const v1::WatchCountersRequest& request) {
  const auto interval = FromDuration("interval", request.interval());
  if (!interval.ok()) return interval.status();
  if (*interval == absl::ZeroDuration()) return kIntervalDefault;
  if (*interval < kIntervalMin || *interval > kIntervalMax) {
    return FieldError("interval", absl::FormatDuration(*interval), "is out of range",
                      "100ms to 1h, or 0 for 1s");
  }
  return *interval;
}

class CounterStream final : public grpc::ServerWriteReactor<v1::WatchCountersResponse> {
 public:
  CounterStream(const CallParts& parts, runs::HostView* hosts, const runs::ScenarioCatalog* catalog,
                const v1::WatchCountersRequest& request)
      : parts_(parts),
        hosts_(hosts),
        catalog_(catalog),
        flavors_(request.flavors().begin(), request.flavors().end()),
        entered_(parts.gate->Enter()) {
    if (!entered_) {
      Finish(ShuttingDownStatus());
      return;
    }
    const absl::StatusOr<absl::Duration> interval = ResolveInterval(request);
    if (!interval.ok()) {
      Finish(ToGrpcStatus(interval.status()));
      return;
    }
    interval_ = *interval;
    next_tick_ = absl::Now();
    stream_handle_ = parts_.gate->AddStream([this] { End(ShuttingDownStatus()); });
    PostSample();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) End(grpc::Status::CANCELLED);
    const absl::Time now = absl::Now();
    next_tick_ += interval_;
    if (next_tick_ < now) {
      next_tick_ += absl::Ceil(now - next_tick_, interval_);
    }
    {
      const std::lock_guard lock(mutex_);
      if (!end_.has_value()) {
        // Under the mutex: End() must not cancel an alarm before it is set.
        // Its callback runs on a thread of gRPC's own, never in here.
        alarm_.emplace();
        alarm_->Set(absl::ToChronoTime(next_tick_), [this](bool) { OnTick(); });
        waiting_ = true;
        return;
      }
    }
    FinishAtEnd();
  }

  void OnCancel() override { End(grpc::Status::CANCELLED); }

  void OnDone() override {
    if (stream_handle_ != 0) parts_.gate->RemoveStream(stream_handle_);
    if (entered_) parts_.gate->Leave();
    delete this;
  }

 private:
  // Asks the chain to finish with `status` when it next can.
  void End(const grpc::Status& status) {
    const std::lock_guard lock(mutex_);
    if (!end_.has_value()) end_ = status;
    if (waiting_) alarm_->Cancel();
  }

  void OnTick() {
    {
      const std::lock_guard lock(mutex_);
      waiting_ = false;
    }
    PostSample();
  }

  void PostSample() {
    if (IsEnding()) {
      FinishAtEnd();
    } else if (!parts_.host_pool->Post([this] { Sample(); })) {
      End(OverloadedStatus());
      FinishAtEnd();
    }
  }

  void Sample() {
    const auto samples = SampleFlavors(*hosts_, *catalog_, flavors_);
    if (!samples.ok()) End(ToGrpcStatus(samples.status()));
    if (IsEnding()) {
      FinishAtEnd();
      return;
    }
    response_.Clear();
    response_.set_sequence(++sequence_);
    for (const runs::HostSample& sample : *samples) *response_.add_hosts() = ToHostCounters(sample);
    StartWrite(&response_);
  }

  bool IsEnding() {
    const std::lock_guard lock(mutex_);
    return end_.has_value();
  }

  void FinishAtEnd() {
    grpc::Status status;
    {
      const std::lock_guard lock(mutex_);
      status = *end_;
    }
    Finish(status);
  }

  const CallParts parts_;
  runs::HostView* const hosts_;
  const runs::ScenarioCatalog* const catalog_;
  const std::vector<std::string> flavors_;
  const bool entered_;
  absl::Duration interval_;
  int64_t stream_handle_ = 0;
  // Of the chain.
  absl::Time next_tick_;
  int64_t sequence_ = 0;
  v1::WatchCountersResponse response_;
  std::mutex mutex_;  // Guards the rest.
  std::optional<grpc::Status> end_;
  std::optional<grpc::Alarm> alarm_;
  bool waiting_ = false;
};

}  // namespace

grpc::ServerWriteReactor<v1::WatchCountersResponse>* StartCounterStream(
    const CallParts& parts, runs::HostView* hosts, const runs::ScenarioCatalog* catalog,
    const v1::WatchCountersRequest& request) {
  return new CounterStream(parts, hosts, catalog, request);
}

}  // namespace stressd::service
