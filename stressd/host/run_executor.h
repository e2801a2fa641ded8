// Executes one run: an interpreter of its own, the phases of the scenario, the
// oracles, and the verdict.
//
// Model.
//   set up     interpreter and main thread state; the scenario's SetUp();
//              the baseline is observed
//   run        the scenario's Run(), which makes its threads meet at a gate
//   quiesce    the interpreter comes to rest and is observed again
//   check      the scenario's Check(), the oracles
//   tear down  the scenario's TearDown(); the interpreter is destroyed, judged
//              once more, and leaks are looked for where that is asked for
// Each change of phase is a sign of life; between two of them only the scenario
// gives any, by counting. Whether a run found something is decided last:
//   a report of a sanitizer (in a child of the run, or of leaks alone),
//   violations, an error, a stop, not reached, passed: in this order, except
//   that violations come before leaks.
// Invariants.  E1: Execute() returns with no thread state attached, the run's
// interpreter destroyed, or an ERROR that says why not.
// Thread safety.  Execute(): one thread, which has no current thread state.
// Fork.  A scenario's children leave by _exit() and never return into this.
#ifndef STRESSD_HOST_RUN_EXECUTOR_H_
#define STRESSD_HOST_RUN_EXECUTOR_H_

#include <functional>

#include "runtime/state/runtime.h"
#include "stressd/host/observation_gate.h"
#include "stressd/host/run_control.h"
#include "stressd/host/scenario/scenario.h"
#include "stressd/protocol/black_box_writer.h"
#include "stressd/protocol/host.pb.h"

namespace stressd::host {

class RunExecutor {
 public:
  struct Options {
    // All must outlive the executor; none may be null.
    rt::Runtime* runtime = nullptr;
    protocol::BlackBoxWriter* writer = nullptr;
    RunControl* control = nullptr;
    ObservationGate* gate = nullptr;
    // Refuses scenarios that run in fresh hosts only.
    bool resident = false;
    // Looks for leaks at the end of each run.
    bool check_leaks = false;
    // Told of each change of phase, on the executor's thread.
    std::function<void(const protocol::RunProgress&)> on_progress;
    // Where scenarios are found; null: the registry.
    std::function<const ScenarioDeclaration*(const std::string&)> find;
  };

  explicit RunExecutor(Options options);
  RunExecutor(const RunExecutor&) = delete;
  RunExecutor& operator=(const RunExecutor&) = delete;

  // Executes `request`; the caller has announced it to the control.
  // `arrival_time_ns` counts where the request names no time of its own.
  protocol::RunResult Execute(const protocol::RunRequest& request, int64_t arrival_time_ns);

 private:
  const Options options_;
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_RUN_EXECUTOR_H_
