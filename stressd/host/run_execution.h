// One run under way: the steps of RunExecutor::Execute() and what they share.
//
// Thread safety.  The executor's thread.
#ifndef STRESSD_HOST_RUN_EXECUTION_H_
#define STRESSD_HOST_RUN_EXECUTION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "runtime/state/interpreter.h"
#include "runtime/state/thread_state.h"
#include "stressd/host/oracles/observation.h"
#include "stressd/host/perturbation/perturbation.h"
#include "stressd/host/run_executor.h"
#include "stressd/host/scenario/progress.h"
#include "stressd/host/scenario/scenario.h"
#include "stressd/host/scenario/scenario_context.h"
#include "stressd/host/scenario/violation.h"
#include "stressd/protocol/black_box_layout.h"

namespace stressd::host {

class RunExecution {
 public:
  // `plan` is that of `request`; `injects_failures`: the scenario tolerates them.
  RunExecution(const RunExecutor::Options& options, const protocol::RunRequest& request,
               const protocol::Plan& plan, bool injects_failures, int64_t arrival_time_ns);

  // Runs `scenario` from the first phase to the verdict.
  protocol::RunResult Execute(Scenario& scenario);

 private:
  // Enters `phase`; returns how long the one before took, in ns.
  int64_t EnterPhase(protocol::RunPhase phase);

  // Makes the interpreter, the main thread state and the context.
  absl::Status Prepare();
  // The scenario's part of the phases; whatever fails ends up in status_.
  void SetUp(Scenario& scenario);
  void Run(Scenario& scenario);
  void Quiesce();
  void Check(const Scenario& scenario);
  // Destroys the interpreter and looks for leaks.
  void TearDown(Scenario& scenario);
  // Observes with the gate closed; opens it again if `reopen`.
  absl::Status ObserveAlone(const Observation* baseline, bool reopen,
                            std::optional<Observation>* out);
  // Closes the gate while the main thread is detached.
  absl::Status CloseGate();
  void FillPerturbation(const PerturbationReport& report);
  void JudgeEnd(const rt::BalanceSnapshot& last);
  protocol::RunResult::Verdict Verdict();
  void FillResult();

  const RunExecutor::Options& options_;
  const protocol::RunRequest& request_;
  const int64_t request_time_ns_;
  protocol::RunResult result_;
  Progress progress_;
  Perturbation perturbation_;
  ViolationList violations_;
  absl::Status status_;
  rt::Interpreter* interpreter_ = nullptr;
  rt::ThreadState* main_thread_ = nullptr;
  std::optional<ScenarioContext> context_;
  std::optional<Observation> before_;
  std::optional<Observation> after_;
  // Of the runtime, before the run.
  size_t interpreter_count_ = 0;
  int64_t runtime_reference_total_ = 0;
  rt::CounterTotals counters_before_;
  int64_t phase_start_ns_ = 0;
  StopReason stop_reason_ = StopReason::kNone;
  bool leaks_found_ = false;
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_RUN_EXECUTION_H_
