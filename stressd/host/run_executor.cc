#include "stressd/host/run_executor.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "stressd/host/run_execution.h"
#include "stressd/host/scenario/parameters.h"
#include "stressd/host/scenario/registry.h"
#include "stressd/protocol/perturbation_plan.h"

namespace stressd::host {
namespace {

const ScenarioDeclaration* FindInRegistry(const std::string& name) {
  absl::StatusOr<const ScenarioDeclaration*> found = FindScenario(name);
  return found.ok() ? *found : nullptr;
}

protocol::RunResult Refusal(int64_t run_id, std::string error) {
  protocol::RunResult result;
  result.set_run_id(run_id);
  result.set_verdict(protocol::RunResult::ERROR);
  result.set_error(std::move(error));
  result.set_invalid_argument(true);
  return result;
}

}  // namespace

RunExecutor::RunExecutor(Options options)
    : options_([&] {
        if (options.find == nullptr) options.find = &FindInRegistry;
        return std::move(options);
      }()) {}

protocol::RunResult RunExecutor::Execute(const protocol::RunRequest& request,
                                         int64_t arrival_time_ns) {
  const ScenarioDeclaration* scenario = options_.find(request.scenario());
  if (scenario == nullptr) {
    return Refusal(request.run_id(),
                   absl::StrCat("scenario: '", request.scenario(), "' does not exist"));
  }
  if (options_.resident && scenario->always_fresh) {
    return Refusal(request.run_id(),
                   absl::StrCat("scenario: '", request.scenario(), "' runs in fresh hosts only"));
  }
  if (request.duration_ns() < 0) {
    return Refusal(request.run_id(),
                   absl::StrCat("duration: ", request.duration_ns(), " ns; must not be negative"));
  }
  ParameterTexts texts;
  for (const auto& [name, text] : request.parameters()) texts[name] = text;
  absl::StatusOr<Parameters> parameters = MakeParameters(*scenario, request.preset(), texts);
  if (!parameters.ok()) {
    return Refusal(request.run_id(), std::string(parameters.status().message()));
  }
  const absl::StatusOr<protocol::Plan> plan = protocol::ParsePlan(request.plan());
  if (!plan.ok()) return Refusal(request.run_id(), std::string(plan.status().message()));
  if (plan->Find(protocol::PlanKind::kAllocFailure) != nullptr &&
      !scenario->tolerates_allocation_failure) {
    return Refusal(request.run_id(),
                   absl::StrCat("plan: \"alloc-failure\" is not tolerated by ", request.scenario(),
                                "; allowed: the other kinds"));
  }
  std::unique_ptr<Scenario> instance = scenario->create(*parameters);
  RunExecution execution(options_, request, *plan, scenario->tolerates_allocation_failure,
                         arrival_time_ns);
  // The runtime lives longer than the run.
  options_.runtime->SetCheckEveryStopCount(
      static_cast<uint32_t>(parameters->GetInt("check_every")));
  protocol::RunResult result = execution.Execute(*instance);
  options_.runtime->SetCheckEveryStopCount(0);
  return result;
}

}  // namespace stressd::host
