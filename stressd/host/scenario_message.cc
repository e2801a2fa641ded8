#include "stressd/host/scenario_message.h"

#include <string>
#include <string_view>

#include "stressd/host/flavor.h"
#include "stressd/host/scenario/parameters.h"
#include "stressd/host/scenario/registry.h"
#include "stressd/host/scenario/scenario.h"

namespace stressd::host {
namespace {

void FillParameter(const ParameterSpec& spec, protocol::ParameterDescription* out) {
  out->set_name(std::string(spec.name));
  out->set_type(std::string(ParameterTypeName(spec.type)));
  out->set_default_value(ParameterValueText(spec.default_value));
  if (spec.type != ParameterType::kBool && spec.type != ParameterType::kChoice) {
    out->set_minimum(ParameterValueText(spec.minimum));
    out->set_maximum(ParameterValueText(spec.maximum));
  }
  for (std::string_view choice : spec.choices) {
    out->add_choices(std::string(choice));
  }
  out->set_doc(std::string(spec.doc));
  out->set_counts(std::string(ParameterCountsName(spec.counts)));
}

// Appends the parts of "one, two, three".
void SplitList(std::string_view list, protocol::ScenarioDescription* out) {
  while (!list.empty()) {
    const size_t end = list.find(", ");
    out->add_mechanisms(std::string(list.substr(0, end)));
    if (end == std::string_view::npos) break;
    list.remove_prefix(end + 2);
  }
}

void FillScenario(const ScenarioDeclaration& scenario, protocol::ScenarioDescription* out) {
  out->set_name(std::string(scenario.name));
  out->set_summary(std::string(scenario.summary));
  out->set_stresses(std::string(scenario.stresses));
  out->set_method(std::string(scenario.method));
  out->set_holds_if(std::string(scenario.holds_if));
  SplitList(scenario.exercises, out);
  out->set_tolerates_allocation_failure(scenario.tolerates_allocation_failure);
  for (const ParameterSpec& spec : AllParameters(scenario)) {
    FillParameter(spec, out->add_parameters());
  }
  out->set_canary(scenario.canary);
  out->set_fresh_only(scenario.always_fresh);
  if (scenario.canary) {
    for (const char* flavor : {"plain", "asan", "tsan", "bench", "explore"}) {
      const ExpectedVerdict verdict = scenario.expected.ForFlavor(flavor);
      if (verdict == ExpectedVerdict::kSilent) continue;
      (*out->mutable_caught())[flavor] = std::string(ExpectedVerdictName(verdict));
    }
  }
  for (const Preset& preset : Presets()) {
    if (preset.scenario != scenario.name) continue;
    protocol::PresetDescription* described = out->add_presets();
    described->set_name(std::string(preset.name));
    for (const PresetParameter& parameter : preset.parameters) {
      (*described->mutable_parameters())[std::string(parameter.name)] = std::string(parameter.text);
    }
  }
}

}  // namespace

protocol::ScenarioList DescribeScenarios() {
  protocol::ScenarioList list;
  list.set_refusal_of_others(std::string(RefusalOfOthers()));
  for (const ScenarioDeclaration* scenario : Scenarios()) {
    FillScenario(*scenario, list.add_scenarios());
  }
  return list;
}

}  // namespace stressd::host
