#include "stressd/host/scenarios/scenario_testing.h"

#include <memory>

#include "absl/strings/str_format.h"
#include "runtime/runtime.h"
#include "stressd/host/oracles/observation.h"
#include "stressd/host/oracles/oracle.h"
#include "stressd/host/scenario/registry.h"
#include "stressd/host/scenario/scenario_context.h"

namespace stressd::host {
namespace {

// The phases of a run, with observations around the middle one.
absl::Status RunPhases(Scenario& scenario, ScenarioContext& context, ViolationList& violations) {
  absl::Status status = scenario.SetUp(context);
  if (!status.ok()) return status;
  const auto before = Observe(context.interpreter(), context.main_thread());
  if (!before.ok()) return before.status();
  status = scenario.Run(context);
  if (!status.ok()) return status;
  const auto after = Observe(context.interpreter(), context.main_thread(), &*before);
  if (!after.ok()) return after.status();
  scenario.Check(context, violations);
  JudgeAll(*before, *after, JudgeScope::kEverything, "after the run", violations);
  return absl::OkStatus();
}

}  // namespace

std::string RunOutcome::Complaints() const {
  std::string text = status.ok() ? "" : status.ToString() + "\n";
  for (const Violation& violation : violations) {
    absl::StrAppendFormat(&text, "%s: %s\n", violation.oracle, violation.message);
  }
  for (const std::string& message : unreached) {
    absl::StrAppendFormat(&text, "not reached: %s\n", message);
  }
  return text;
}

bool RunOutcome::Violated(std::string_view oracle) const {
  for (const Violation& violation : violations) {
    if (violation.oracle == oracle) return true;
  }
  return false;
}

RunOutcome RunScenario(std::string_view scenario, const ParameterTexts& overrides, uint64_t seed,
                       const std::atomic<bool>* stop) {
  RunOutcome outcome;
  const auto declaration = FindScenario(scenario);
  if (!declaration.ok()) return {.status = declaration.status()};
  const auto parameters = MakeParameters(**declaration, "smoke", overrides);
  if (!parameters.ok()) return {.status = parameters.status()};
  const std::unique_ptr<rt::Runtime> runtime = rt::Runtime::Create();
  rt::Interpreter& interpreter = *runtime->main_interpreter();
  rt::ThreadState* const thread = rt::NewThreadState(interpreter);
  if (thread == nullptr || !rt::Attach(*thread)) {
    return {.status = absl::ResourceExhaustedError("no thread state")};
  }
  Progress progress;
  ViolationList violations;
  {
    ScenarioContext context({.runtime = runtime.get(),
                             .interpreter = &interpreter,
                             .main_thread = thread,
                             .seed = seed,
                             .progress = &progress,
                             .stop = stop});
    const std::unique_ptr<Scenario> instance = (*declaration)->create(*parameters);
    outcome.status = RunPhases(*instance, context, violations);
    instance->TearDown(context);
  }
  rt::BalanceSnapshot last;
  if (!rt::Interpreter::Destroy(&interpreter, &last)) {
    violations.Add("interpreter-end", "it could not be destroyed");
  }
  if (last.reference_total != 0) {
    violations.Add("interpreter-end", "references were left");
  }
  outcome.violations = violations.violations();
  outcome.unreached = violations.unreached();
  outcome.operations = progress.operations();
  return outcome;
}

}  // namespace stressd::host
