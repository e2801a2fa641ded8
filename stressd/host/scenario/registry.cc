#include "stressd/host/scenario/registry.h"

#include <iterator>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"

namespace stressd::host {
namespace {

// Appends `name` to the enumeration `list`.
void AppendName(std::string& list, std::string_view name) {
  absl::StrAppendFormat(&list, "%s%s", list.empty() ? "" : ", ", name);
}

}  // namespace

absl::StatusOr<const ScenarioDeclaration*> FindScenario(std::string_view name) {
  std::string names;
  for (const ScenarioDeclaration* scenario : Scenarios()) {
    if (scenario->name == name) return scenario;
    AppendName(names, scenario->name);
  }
  return absl::NotFoundError(
      absl::StrFormat("scenario \"%s\" does not exist: there are %s", name, names));
}

std::vector<ParameterSpec> AllParameters(const ScenarioDeclaration& scenario) {
  std::vector<ParameterSpec> specs(scenario.parameters.begin(), scenario.parameters.end());
  specs.insert(specs.end(), std::begin(kCommonParameters), std::end(kCommonParameters));
  return specs;
}

absl::StatusOr<Parameters> MakeParameters(const ScenarioDeclaration& scenario,
                                          std::string_view preset,
                                          const ParameterTexts& overrides) {
  ParameterTexts texts = overrides;
  if (!preset.empty()) {
    const Preset* found = nullptr;
    std::string names;
    for (const Preset& candidate : Presets()) {
      if (candidate.scenario != scenario.name) continue;
      if (candidate.name == preset) found = &candidate;
      AppendName(names, candidate.name);
    }
    if (found == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrFormat("preset \"%s\" of scenario \"%s\" does not exist: %s", preset,
                          scenario.name, names.empty() ? "it has none" : "there are " + names));
    }
    for (const PresetParameter& parameter : found->parameters) {
      // Keeps what `overrides` says.
      texts.emplace(parameter.name, parameter.text);
    }
  }
  return Parameters::Parse(AllParameters(scenario), texts);
}

}  // namespace stressd::host
