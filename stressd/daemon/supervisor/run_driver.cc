#include "stressd/daemon/supervisor/run_driver.h"

#include <poll.h>
#include <time.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "stressd/daemon/supervisor/host_sampler.h"
#include "stressd/daemon/supervisor/process_info.h"
#include "stressd/protocol/message.h"

namespace stressd::supervisor {
namespace {

// How soon a cancel is noticed; messages are noticed at once.
constexpr int kTickMs = 20;
// How often memory is measured and progress is told.
constexpr absl::Duration kSamplePeriod = absl::Milliseconds(250);
constexpr absl::Duration kSendTimeout = absl::Seconds(5);
// More between two looks means that we, not the host, stood still.
constexpr absl::Duration kTickMax = absl::Seconds(1);

int64_t MonotonicNs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

protocol::ToHost RequestOf(const runs::RunRecord& run) {
  protocol::ToHost message;
  protocol::RunRequest& request = *message.mutable_run();
  request.set_run_id(run.id);
  request.set_scenario(run.spec.scenario);
  for (const auto& [name, value] : run.spec.parameters) {
    (*request.mutable_parameters())[name] = value;
  }
  request.set_seed(run.spec.seed.value_or(0));
  request.set_plan(run.spec.plan);
  request.set_duration_ns(absl::ToInt64Nanoseconds(run.spec.duration));
  // The wall clock's distance to CreateRun(), on the clock the host knows.
  const absl::Duration age = std::max(absl::Now() - run.create_time, absl::ZeroDuration());
  request.set_request_time_ns(std::max<int64_t>(MonotonicNs() - absl::ToInt64Nanoseconds(age), 1));
  return message;
}

// The state of one DriveRun().
class Drive {
 public:
  Drive(HostProcess& host, const runs::RunRecord& run, const DriveLimits& limits,
        const runs::CancelToken& cancel, const runs::Executor::ProgressCallback& on_progress)
      : host_(host), run_(run), limits_(limits), cancel_(cancel), on_progress_(on_progress) {}

  DriveReport Loop();

 private:
  // Each returns true when the drive has ended.
  bool ReadMessages();
  bool CheckTime();
  bool CheckProgress();
  bool Sample();

  bool End(DriveEnd end, std::string detail = "") {
    report_.end = end;
    report_.detail = std::move(detail);
    return true;
  }
  bool AskToStop(StopReason reason);

  HostProcess& host_;
  const runs::RunRecord& run_;
  const DriveLimits& limits_;
  const runs::CancelToken& cancel_;
  const runs::Executor::ProgressCallback& on_progress_;
  DriveReport report_;
  absl::Duration elapsed_ = absl::ZeroDuration();  // Without our own pauses.
  absl::Duration next_sample_ = absl::ZeroDuration();
  absl::Duration last_progress_time_ = absl::ZeroDuration();
  absl::Duration stop_time_ = absl::ZeroDuration();
  uint64_t last_progress_ = 0;
};

DriveReport Drive::Loop() {
  last_progress_ = host_.channel().view().Progress();
  const absl::Status sent =
      protocol::SendToHost(host_.channel().control.get(), RequestOf(run_), {}, kSendTimeout);
  if (!sent.ok()) {
    End(DriveEnd::kHostGone, absl::StrCat("the run could not be handed over: ", sent.ToString()));
    return std::move(report_);
  }
  int64_t last_ns = MonotonicNs();
  while (true) {
    if (ReadMessages() || CheckTime() || CheckProgress() || Sample()) break;
    pollfd entry = {host_.channel().control.get(), POLLIN, 0};
    poll(&entry, 1, kTickMs);
    const int64_t now_ns = MonotonicNs();
    elapsed_ += std::min(absl::Nanoseconds(now_ns - last_ns), kTickMax);
    last_ns = now_ns;
  }
  return std::move(report_);
}

bool Drive::ReadMessages() {
  while (true) {
    absl::StatusOr<std::optional<protocol::Frame>> frame = host_.channel().reader->Poll();
    if (!frame.ok()) {
      const absl::Status& status = frame.status();
      const bool closed = absl::IsOutOfRange(status) || absl::IsDataLoss(status);
      // An end after the last frame needs no words; inside one it does.
      return End(closed ? DriveEnd::kHostGone : DriveEnd::kProtocolError,
                 absl::IsOutOfRange(status) ? "" : status.ToString());
    }
    if (!frame->has_value()) return false;
    absl::StatusOr<protocol::ToDaemon> message = protocol::ParseToDaemon((*frame)->payload);
    if (!message.ok()) return End(DriveEnd::kProtocolError, message.status().ToString());
    if (message->has_progress()) {
      next_sample_ = elapsed_;  // A new phase: tell it soon. The black box has more.
      continue;
    }
    if (!message->has_result() || message->result().run_id() != run_.id) {
      return End(DriveEnd::kProtocolError, "an unexpected message during a run");
    }
    report_.result = std::move(*message->mutable_result());
    return End(DriveEnd::kResult);
  }
}

bool Drive::AskToStop(StopReason reason) {
  report_.stop = reason;
  stop_time_ = elapsed_;
  protocol::ToHost message;
  message.mutable_cancel()->set_run_id(run_.id);
  message.mutable_cancel()->set_reason(reason == StopReason::kTimedOut
                                           ? protocol::CancelRun::TIMED_OUT
                                           : protocol::CancelRun::CANCELLED);
  // A host that cannot be told is killed after the grace, or is gone already.
  protocol::SendToHost(host_.channel().control.get(), message, {}, kSendTimeout).IgnoreError();
  return false;
}

bool Drive::CheckTime() {
  if (report_.stop != StopReason::kNone) {
    if (elapsed_ - stop_time_ < limits_.cancel_grace) return false;
    return End(DriveEnd::kIgnoredStop,
               absl::StrCat("it did not stop within ", absl::FormatDuration(limits_.cancel_grace)));
  }
  if (cancel_.IsCancelled()) return AskToStop(StopReason::kCancelled);
  if (elapsed_ >= limits_.time_limit) return AskToStop(StopReason::kTimedOut);
  return false;
}

bool Drive::CheckProgress() {
  const uint64_t progress = host_.channel().view().Progress();
  if (progress != last_progress_) {
    last_progress_ = progress;
    last_progress_time_ = elapsed_;
    return false;
  }
  if (elapsed_ - last_progress_time_ < limits_.heartbeat_deadline) return false;
  return End(DriveEnd::kHung,
             absl::StrCat("no heartbeat for ", absl::FormatDuration(limits_.heartbeat_deadline)));
}

bool Drive::Sample() {
  if (elapsed_ < next_sample_) return false;
  next_sample_ = elapsed_ + kSamplePeriod;
  runs::RunProgress progress = SampleProgress(host_.channel().view());
  progress.rss_bytes = ResidentBytes(host_.pid());
  progress.elapsed = elapsed_;
  on_progress_(progress);
  if (progress.rss_bytes > limits_.rss_bytes_max) {
    return End(DriveEnd::kOverLimit,
               absl::StrCat("memory: ", progress.rss_bytes, " bytes resident; allowed: at most ",
                            limits_.rss_bytes_max));
  }
  if (progress.operation_count > limits_.operation_count_max) {
    return End(DriveEnd::kOverLimit,
               absl::StrCat("operations: ", progress.operation_count, "; allowed: at most ",
                            limits_.operation_count_max));
  }
  return false;
}

}  // namespace

DriveReport DriveRun(HostProcess& host, const runs::RunRecord& run, const DriveLimits& limits,
                     const runs::CancelToken& cancel,
                     const runs::Executor::ProgressCallback& on_progress) {
  return Drive(host, run, limits, cancel, on_progress).Loop();
}

}  // namespace stressd::supervisor
