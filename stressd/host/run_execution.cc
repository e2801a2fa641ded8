#include "stressd/host/run_execution.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "stressd/host/balance_message.h"
#include "stressd/host/leak_check.h"
#include "stressd/host/oracles/oracle.h"

namespace stressd::host {

using protocol::RunPhase;

namespace {

// Ring 0 is the executor's; every worker has the one after its index, as far as
// they reach.
void RecordWorker(protocol::BlackBoxWriter& writer, int index, WorkerMoment moment) {
  const size_t ring = static_cast<size_t>(index) + 1;
  const int64_t now_ns = rt::MonotonicNanoseconds();
  if (moment == WorkerMoment::kStarted) {
    writer.AddEvent(ring, protocol::EventKind::kWorkerStart, index, now_ns);
  } else {
    writer.AddEvent(ring, protocol::EventKind::kWorkerEnd, moment == WorkerMoment::kEndedWell,
                    now_ns);
  }
}

}  // namespace

RunExecution::RunExecution(const RunExecutor::Options& options, const protocol::RunRequest& request,
                           const protocol::Plan& plan, bool injects_failures,
                           int64_t arrival_time_ns)
    : options_(options),
      request_(request),
      request_time_ns_(request.request_time_ns() > 0 ? request.request_time_ns() : arrival_time_ns),
      progress_(options.writer->operation_count(), options.writer->heartbeat_count(),
                options.writer->first_operation_time_ns()),
      perturbation_(plan, request.seed(), injects_failures) {
  result_.set_plan(perturbation_.plan().Text());
}

protocol::RunResult RunExecution::Execute(Scenario& scenario) {
  const int64_t start_ns = rt::MonotonicNanoseconds();
  phase_start_ns_ = start_ns;
  interpreter_count_ = options_.runtime->interpreter_count();
  runtime_reference_total_ = options_.runtime->ReadReferenceTotal();
  options_.runtime->ReadCounters(&counters_before_);
  options_.writer->BeginRun(request_.run_id(), request_.scenario(), request_.seed(), start_ns);
  EnterPhase(RunPhase::kSetUp);
  status_ = Prepare();
  if (status_.ok()) {
    SetUp(scenario);
    result_.set_set_up_ns(EnterPhase(RunPhase::kRun));
    if (status_.ok()) Run(scenario);
    stop_reason_ = options_.control->reason();
    result_.set_run_ns(EnterPhase(RunPhase::kQuiesce));
    Quiesce();
    const int64_t quiesce_ns = EnterPhase(RunPhase::kCheck);
    Check(scenario);
    result_.set_check_ns(quiesce_ns + EnterPhase(RunPhase::kTearDown));
    TearDown(scenario);
  }
  FillResult();
  result_.set_tear_down_ns(rt::MonotonicNanoseconds() - phase_start_ns_);
  options_.writer->EndRun(rt::MonotonicNanoseconds());
  options_.gate->Open(nullptr);
  return std::move(result_);
}

int64_t RunExecution::EnterPhase(RunPhase phase) {
  const int64_t now_ns = rt::MonotonicNanoseconds();
  options_.writer->EnterPhase(phase, now_ns);
  if (options_.on_progress != nullptr) {
    protocol::RunProgress progress;
    progress.set_run_id(request_.run_id());
    progress.set_phase(static_cast<protocol::Phase>(phase));
    progress.set_operation_count(static_cast<int64_t>(progress_.operations()));
    options_.on_progress(progress);
  }
  return now_ns - std::exchange(phase_start_ns_, now_ns);
}

absl::Status RunExecution::Prepare() {
  options_.gate->Close();
  interpreter_ = rt::Interpreter::Create(*options_.runtime);
  if (interpreter_ == nullptr) {
    return absl::ResourceExhaustedError("no memory for an interpreter");
  }
  main_thread_ = rt::NewThreadState(*interpreter_);
  if (main_thread_ == nullptr || !rt::Attach(*main_thread_)) {
    if (main_thread_ != nullptr) rt::ReleaseThreadState(main_thread_);
    if (!rt::Interpreter::Destroy(std::exchange(interpreter_, nullptr))) {
      return absl::InternalError("a new interpreter cannot be destroyed");
    }
    return absl::ResourceExhaustedError("no memory for a thread state");
  }
  ScenarioContext::Options context;
  context.runtime = options_.runtime;
  context.interpreter = interpreter_;
  context.main_thread = main_thread_;
  context.seed = request_.seed();
  context.progress = &progress_;
  context.stop = options_.control->stop_flag();
  context.duration = absl::Nanoseconds(request_.duration_ns());
  context.on_worker = [this](int index, WorkerMoment moment) {
    RecordWorker(*options_.writer, index, moment);
    if (moment == WorkerMoment::kStarted) {
      perturbation_.Enter(index);
    } else {
      perturbation_.Leave();
    }
  };
  context_.emplace(context);
  return absl::OkStatus();
}

void RunExecution::SetUp(Scenario& scenario) {
  status_ = scenario.SetUp(*context_);
  NameTypes(*interpreter_, *options_.writer);
  const absl::Status observed = ObserveAlone(nullptr, true, &before_);
  if (status_.ok()) status_ = observed;
}

void RunExecution::Run(Scenario& scenario) {
  // A run that was stopped before it began has nothing to do.
  if (options_.control->reason() != StopReason::kNone) return;
  status_ = perturbation_.Start();
  if (!status_.ok()) return;
  context_->BeginWork();
  status_ = scenario.Run(*context_);
  FillPerturbation(perturbation_.Stop());
}

void RunExecution::FillPerturbation(const PerturbationReport& report) {
  if (perturbation_.plan().is_none()) return;
  context_->Measure("plan_passes_count", report.pass_count);
  context_->Measure("plan_pauses_count", report.pause_count);
  context_->Measure("plan_paused_ns", report.paused_ns);
  context_->Measure("plan_slow_paths_count", report.slow_path_count);
  context_->Measure("plan_failures_count", report.failure_count);
  context_->Measure("plan_signals_count", report.signal_count);
  context_->Measure("plan_points_count", static_cast<int64_t>(report.points.size()));
  for (const PerturbationReport::Point& point : report.points) {
    protocol::PointCount* const out = result_.add_points();
    out->set_point(point.name);
    out->set_pass_count(point.pass_count);
  }
}

void RunExecution::Quiesce() {
  if (!before_.has_value()) return;
  const absl::Status observed = ObserveAlone(&*before_, false, &after_);
  if (status_.ok()) status_ = observed;
}

void RunExecution::Check(const Scenario& scenario) {
  if (!after_.has_value()) return;
  // A run that could not be carried out has no promise to keep, but what it
  // left behind is judged all the same.
  if (status_.ok() && stop_reason_ == StopReason::kNone) {
    scenario.Check(*context_, violations_);
  }
  // A sanitizer that goes on has started a symbolizer, with pipes, in this process.
  const bool reported = options_.writer->report_kind() != protocol::ReportKind::kNone;
  JudgeAll(*before_, *after_, reported ? JudgeScope::kRuntimeOnly : JudgeScope::kEverything,
           "after the run", violations_);
  FillBalance(before_->balance, *interpreter_, result_.mutable_before());
  FillBalance(after_->balance, *interpreter_, result_.mutable_after());
  rt::CounterTotals counters = after_->counters;
  counters.Subtract(counters_before_);
  counters.Add(context_->own_counters());
  FillCounters(counters, result_.mutable_counters());
}

void RunExecution::TearDown(Scenario& scenario) {
  const absl::Status closed = CloseGate();
  if (status_.ok()) status_ = closed;
  scenario.TearDown(*context_);
  rt::BalanceSnapshot last;
  if (!rt::Interpreter::Destroy(interpreter_, &last)) {
    if (status_.ok()) {
      status_ = absl::AbortedError("the run's interpreter cannot be destroyed");
    }
    return;
  }
  interpreter_ = nullptr;
  JudgeEnd(last);
  if (options_.check_leaks && FindLeaks()) {
    leaks_found_ = true;
    options_.writer->RecordReport(protocol::ReportKind::kLeak);
  }
}

absl::Status RunExecution::ObserveAlone(const Observation* baseline, bool reopen,
                                        std::optional<Observation>* out) {
  absl::Status closed = CloseGate();
  if (!closed.ok()) return closed;
  absl::StatusOr<Observation> observation = Observe(*interpreter_, *main_thread_, baseline);
  if (!observation.ok()) return observation.status();
  *out = *std::move(observation);
  if (reopen) options_.gate->Open(interpreter_);
  return absl::OkStatus();
}

absl::Status RunExecution::CloseGate() {
  // A scenario that shut its own main thread state down has none current.
  if (rt::CurrentThreadState() != main_thread_) {
    options_.gate->Close();
    return absl::AbortedError("the run's main thread state was shut down");
  }
  rt::ScopedDetach detached(*main_thread_);
  options_.gate->Close();
  if (!detached.End()) {
    return absl::AbortedError("the run's main thread state was shut down");
  }
  return absl::OkStatus();
}

void RunExecution::JudgeEnd(const rt::BalanceSnapshot& last) {
  if (last.reference_total != 0) {
    violations_.Add("interpreter-end", absl::StrCat(last.reference_total,
                                                    " references were left when the run's "
                                                    "interpreter was destroyed"));
  }
  for (const rt::HeapUsage& heap : last.heaps) {
    if (heap.block_count == 0) continue;
    violations_.Add("interpreter-end",
                    absl::StrCat(heap.block_count, " blocks of ", heap.block_bytes,
                                 " bytes were left when the run's interpreter was "
                                 "destroyed"));
  }
  const size_t interpreter_count = options_.runtime->interpreter_count();
  const int64_t reference_total = options_.runtime->ReadReferenceTotal();
  if (interpreter_count != interpreter_count_ || reference_total != runtime_reference_total_) {
    violations_.Add("runtime-balance",
                    absl::StrCat("the runtime had ", interpreter_count_,
                                 " interpreters and a reference total of ",
                                 runtime_reference_total_, " before the run, and ",
                                 interpreter_count, " and ", reference_total, " after it"));
  }
}

protocol::RunResult::Verdict RunExecution::Verdict() {
  const protocol::ReportKind report = options_.writer->report_kind();
  if (report != protocol::ReportKind::kNone && report != protocol::ReportKind::kLeak) {
    return protocol::RunResult::SANITIZER_REPORT;
  }
  if (!violations_.empty()) return protocol::RunResult::VIOLATION;
  if (leaks_found_) return protocol::RunResult::SANITIZER_REPORT;
  if (!status_.ok()) {
    result_.set_error(std::string(status_.message()));
    result_.set_invalid_argument(absl::IsInvalidArgument(status_));
    return protocol::RunResult::ERROR;
  }
  if (stop_reason_ == StopReason::kCancelled) {
    return protocol::RunResult::CANCELLED;
  }
  if (stop_reason_ == StopReason::kTimedOut) {
    return protocol::RunResult::TIMED_OUT;
  }
  const std::vector<std::string> unreached = violations_.unreached();
  if (!unreached.empty()) {
    result_.set_error(absl::StrCat("not reached: ", unreached.front()));
    return protocol::RunResult::INCONCLUSIVE;
  }
  return protocol::RunResult::PASSED;
}

void RunExecution::FillResult() {
  if (options_.writer->has_failure()) {
    // This process would have died of it.
    violations_.Add("invariant",
                    "a forked child of the run broke an invariant; its name "
                    "is in the black box");
  }
  result_.set_run_id(request_.run_id());
  result_.set_verdict(Verdict());
  for (const Violation& violation : violations_.violations()) {
    protocol::Violation* out = result_.add_violations();
    out->set_rule(violation.oracle);
    out->set_message(violation.message);
  }
  const int64_t dropped_count = violations_.count() - result_.violations_size();
  if (dropped_count > 0) {
    protocol::Violation* out = result_.add_violations();
    out->set_rule("more");
    out->set_message(absl::StrCat(dropped_count, " more violations"));
  }
  result_.set_operation_count(static_cast<int64_t>(progress_.operations()));
  result_.set_leak_report(leaks_found_);
  if (context_.has_value()) {
    for (const auto& [name, value] : context_->measurements()) {
      (*result_.mutable_measurements())[name] = value;
    }
  }
  const int64_t first_ns = progress_.first_operation_time_ns();
  if (first_ns > request_time_ns_) {
    result_.set_start_latency_ns(first_ns - request_time_ns_);
  }
}

}  // namespace stressd::host
