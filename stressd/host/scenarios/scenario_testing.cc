#include "stressd/host/scenarios/scenario_testing.h"

#include <memory>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "runtime/runtime.h"
#include "stressd/host/oracles/observation.h"
#include "stressd/host/oracles/oracle.h"
#include "stressd/host/scenario/registry.h"
#include "stressd/host/scenario/scenario_context.h"

namespace stressd::host {
namespace {

// The phases of a run, with observations around the middle one.
absl::Status RunPhases(Scenario& scenario, ScenarioContext& context, RunOutcome& outcome,
                       ViolationList& violations) {
  absl::Status status = scenario.SetUp(context);
  if (!status.ok()) return status;
  const auto before = Observe(context.interpreter(), context.main_thread());
  if (!before.ok()) return before.status();
  const absl::Duration start = context.clock().Now();
  context.BeginWork();
  status = scenario.Run(context);
  outcome.run_duration = context.clock().Now() - start;
  outcome.measurements = context.measurements();
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
                       const std::atomic<bool>* stop, absl::Duration duration) {
  RunOutcome outcome;
  const auto declaration = FindScenario(scenario);
  if (!declaration.ok()) return {.status = declaration.status()};
  const auto parameters = MakeParameters(**declaration, "smoke", overrides);
  if (!parameters.ok()) return {.status = parameters.status()};
  const std::unique_ptr<rt::Runtime> runtime = rt::Runtime::Create();
  runtime->SetCheckEveryStopCount(static_cast<uint32_t>(parameters->GetInt("check_every")));
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
                             .stop = stop,
                             .duration = duration});
    const std::unique_ptr<Scenario> instance = (*declaration)->create(*parameters);
    outcome.status = RunPhases(*instance, context, outcome, violations);
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

std::string DurationComplaints(std::string_view scenario) {
  const auto declaration = FindScenario(scenario);
  if (!declaration.ok()) return declaration.status().ToString();
  const std::string parameter((*declaration)->rounds_parameter);
  const std::string measurement = parameter + "_count";
  // So short a round that several fit into the duration anywhere.
  const ParameterTexts one_round = {{"threads", "1"}, {parameter, "1"}};
  constexpr absl::Duration kDuration = absl::Milliseconds(300);
  const RunOutcome declared = RunScenario(scenario, one_round, 1);
  const RunOutcome timed = RunScenario(scenario, one_round, 1, nullptr, kDuration);
  std::string text = declared.Complaints() + timed.Complaints();
  if (!text.empty()) return text;
  if (declared.measurements.at(measurement) != 1) {
    absl::StrAppendFormat(&text, "%d rounds instead of 1 without a duration\n",
                          declared.measurements.at(measurement));
  }
  if (timed.measurements.at(measurement) <= 1) text += "no second round with a duration\n";
  if (timed.run_duration < kDuration) {
    absl::StrAppendFormat(&text, "it ran for %s instead of %s\n",
                          absl::FormatDuration(timed.run_duration),
                          absl::FormatDuration(kDuration));
  }
  return text;
}

}  // namespace stressd::host
