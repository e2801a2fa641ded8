#include "stressd/host/scenario/registry.h"

#include <iterator>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"

namespace stressd::host {

// One line per scenario, sorted by name.
#define STRESSD_SCENARIOS(SCENARIO) \
  SCENARIO(AllocationFailure)       \
  SCENARIO(CanaryCrash)             \
  SCENARIO(CanaryDrift)             \
  SCENARIO(CanaryHang)              \
  SCENARIO(CanaryLeak)              \
  SCENARIO(CanaryRace)              \
  SCENARIO(CanaryUseAfterFree)      \
  SCENARIO(CollectStorm)            \
  SCENARIO(CountHandover)           \
  SCENARIO(DelayedFreeStorm)        \
  SCENARIO(Empty)                   \
  SCENARIO(ForeignFinalize)         \
  SCENARIO(ForkStorm)               \
  SCENARIO(FreelistChurn)           \
  SCENARIO(HeapAbandon)             \
  SCENARIO(InterpreterChurn)        \
  SCENARIO(LateAttach)              \
  SCENARIO(LitmusAbandonFree)       \
  SCENARIO(LitmusAttachPoll)        \
  SCENARIO(LitmusDecrefMerge)       \
  SCENARIO(LitmusIdReuse)           \
  SCENARIO(LitmusLockHandover)      \
  SCENARIO(LitmusPushTryIncref)     \
  SCENARIO(LitmusQueueExit)         \
  SCENARIO(LitmusResizeRead)        \
  SCENARIO(LitmusSharedCount)       \
  SCENARIO(LitmusStopAttach)        \
  SCENARIO(LitmusWeakDeath)         \
  SCENARIO(Mixed)                   \
  SCENARIO(QsbrStall)               \
  SCENARIO(ReferenceTotals)         \
  SCENARIO(StateChurn)              \
  SCENARIO(StopTheWorldStorm)       \
  SCENARIO(ThreadChurn)             \
  SCENARIO(TypeChurn)

#define STRESSD_DECLARE(scenario) extern const ScenarioDeclaration k##scenario##Declaration;
STRESSD_SCENARIOS(STRESSD_DECLARE)
#undef STRESSD_DECLARE

namespace {

#define STRESSD_ENTRY(scenario) &k##scenario##Declaration,
constexpr const ScenarioDeclaration* kScenarios[] = {STRESSD_SCENARIOS(STRESSD_ENTRY)};
#undef STRESSD_ENTRY
#undef STRESSD_SCENARIOS

// Appends `name` to the enumeration `list`.
void AppendName(std::string& list, std::string_view name) {
  absl::StrAppendFormat(&list, "%s%s", list.empty() ? "" : ", ", name);
}

}  // namespace

absl::Span<const ScenarioDeclaration* const> Scenarios() { return kScenarios; }

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
