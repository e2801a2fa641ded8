// The registry of scenarios: one sorted table, no static constructors.
//
// Model.  Scenarios() and Presets() come from what is linked: scenarios/ for the
// flavors that run freely, explored/ for the one that the controlled engine runs.
// Thread safety.  Any thread.

#ifndef STRESSD_HOST_SCENARIO_REGISTRY_H_
#define STRESSD_HOST_SCENARIO_REGISTRY_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "stressd/host/scenario/parameters.h"
#include "stressd/host/scenario/scenario.h"

namespace stressd::host {

// Returns every scenario, sorted by name.
absl::Span<const ScenarioDeclaration* const> Scenarios();

// Returns the scenario called `name`. NotFoundError, naming all that exist, if
// there is none.
absl::StatusOr<const ScenarioDeclaration*> FindScenario(std::string_view name);

// One named set of parameter values of a scenario, from configs/scenarios,
// compiled into the host: a run needs no file.
struct PresetParameter {
  std::string_view name;
  std::string_view text;
};
struct Preset {
  std::string_view scenario;
  std::string_view name;  // "smoke", "soak".
  absl::Span<const PresetParameter> parameters;
};

// Returns every preset of every scenario.
absl::Span<const Preset> Presets();

// Returns what a run of `scenario` can be given: what it declares, then what is
// common to all.
std::vector<ParameterSpec> AllParameters(const ScenarioDeclaration& scenario);

// Returns the values of a run of `scenario`: `overrides` over the preset called
// `preset` (empty: none) over the declared defaults. InvalidArgumentError if
// the preset does not exist or a value is not allowed.
absl::StatusOr<Parameters> MakeParameters(const ScenarioDeclaration& scenario,
                                          std::string_view preset, const ParameterTexts& overrides);

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIO_REGISTRY_H_
