#include "stressd/host/host_session.h"

#include <unistd.h>

#include <cstdio>
#include <string>
#include <thread>
#include <utility>

#include "runtime/base/clock.h"
#include "stressd/host/leak_check.h"
#include "stressd/host/runtime_snapshot.h"
#include "stressd/host/scenario_message.h"
#include "stressd/protocol/exit_code.h"

namespace stressd::host {
namespace {

StopReason ReasonOf(const protocol::CancelRun& cancel) {
  return cancel.reason() == protocol::CancelRun::TIMED_OUT ? StopReason::kTimedOut
                                                           : StopReason::kCancelled;
}

void Complain(const absl::Status& status) {
  std::fprintf(stderr, "stressd: host: %s\n", status.ToString().c_str());
}

}  // namespace

HostSession::HostSession(SessionKind kind, ControlLink* link, rt::Runtime* runtime,
                         protocol::BlackBoxWriter* writer)
    : kind_(kind), link_(*link), runtime_(*runtime), executor_([&] {
        RunExecutor::Options options;
        options.runtime = runtime;
        options.writer = writer;
        options.control = &control_;
        options.gate = &gate_;
        options.resident = kind == SessionKind::kResident;
        options.check_leaks = kind == SessionKind::kFresh;
        options.on_progress = [this](const protocol::RunProgress& progress) {
          protocol::ToDaemon message;
          *message.mutable_progress() = progress;
          SendOrExit(message);
        };
        return options;
      }()) {
  gate_.Open(nullptr);
}

int HostSession::Serve() {
  if (absl::Status sent = link_.SendHello(); !sent.ok()) {
    Complain(sent);
    return protocol::kExitProtocol;
  }
  std::thread listener([this] { Listen(); });
  while (std::optional<PendingRun> run = NextRun()) {
    ExecuteRun(*run);
    if (kind_ == SessionKind::kFresh) break;
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    over_ = true;
  }
  link_.Interrupt();
  listener.join();
  if (exit_code_ == 0 && kind_ == SessionKind::kResident && FindLeaks()) {
    return protocol::kExitLeak;
  }
  return exit_code_;
}

void HostSession::Listen() {
  for (;;) {
    absl::StatusOr<Received> received = link_.Receive();
    if (received.ok()) {
      if (!Handle(received->message)) return;
      continue;
    }
    const bool closed = absl::IsOutOfRange(received.status());
    if (!closed) Complain(received.status());
    std::unique_lock<std::mutex> lock(mutex_);
    if (over_) return;
    lock.unlock();
    // Nobody would read the result of a live run, which may not end by itself.
    if (control_.live_run_id() != 0) {
      ::_exit(closed ? 0 : protocol::kExitProtocol);
    }
    EndConversation(closed ? 0 : protocol::kExitProtocol);
    return;
  }
}

bool HostSession::Handle(const protocol::ToHost& message) {
  protocol::ToDaemon answer;
  switch (message.content_case()) {
    case protocol::ToHost::kRun:
      AcceptRun(message.run());
      return true;
    case protocol::ToHost::kCancel:
      control_.Stop(message.cancel().run_id(), ReasonOf(message.cancel()));
      return true;
    case protocol::ToHost::kDescribe:
      *answer.mutable_scenarios() = DescribeScenarios();
      SendOrExit(answer);
      return true;
    case protocol::ToHost::kSnapshot:
      *answer.mutable_snapshot() = TakeSnapshot(runtime_, gate_);
      answer.mutable_snapshot()->set_request_id(message.snapshot().request_id());
      answer.mutable_snapshot()->set_run_id(control_.live_run_id());
      SendOrExit(answer);
      return true;
    case protocol::ToHost::kShutdown:
      control_.StopLive(StopReason::kCancelled);
      EndConversation(0);
      // Goes on listening until the executor is done: a thread that ends while
      // a run is judged is a difference.
      return true;
    case protocol::ToHost::kForkFresh:
    case protocol::ToHost::CONTENT_NOT_SET:
      break;
  }
  Complain(absl::InvalidArgumentError("this host is no fork server"));
  if (control_.live_run_id() != 0) ::_exit(protocol::kExitProtocol);
  EndConversation(protocol::kExitProtocol);
  return false;
}

void HostSession::AcceptRun(const protocol::RunRequest& request) {
  const int64_t now_ns = rt::MonotonicNanoseconds();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!over_ && request.run_id() > 0 && control_.Begin(request.run_id())) {
      pending_ = PendingRun{request, now_ns};
      changed_.notify_all();
      return;
    }
  }
  protocol::ToDaemon answer;
  protocol::RunResult* result = answer.mutable_result();
  result->set_run_id(request.run_id());
  result->set_verdict(protocol::RunResult::ERROR);
  result->set_error(request.run_id() > 0 ? "another run is live, or the host is ending"
                                         : "run_id must be greater than 0");
  SendOrExit(answer);
}

void HostSession::EndConversation(int exit_code) {
  std::lock_guard<std::mutex> lock(mutex_);
  over_ = true;
  exit_code_ = exit_code;
  changed_.notify_all();
}

void HostSession::SendOrExit(const protocol::ToDaemon& message) {
  absl::Status sent = link_.Send(message);
  if (sent.ok()) return;
  // A run that cannot be reported has no reason to go on.
  ::_exit(absl::IsUnavailable(sent) ? 0 : protocol::kExitProtocol);
}

std::optional<HostSession::PendingRun> HostSession::NextRun() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return pending_.has_value() || over_; });
  // A run accepted before the end still gets its result.
  return std::exchange(pending_, std::nullopt);
}

void HostSession::ExecuteRun(const PendingRun& run) {
  protocol::ToDaemon message;
  *message.mutable_result() = executor_.Execute(run.request, run.arrival_time_ns);
  // Before the daemon knows: its next request may follow at once.
  control_.End();
  SendOrExit(message);
}

}  // namespace stressd::host
