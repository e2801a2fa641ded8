#include "stressd/host/scenarios/scenario_page.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "stressd/host/scenario/registry.h"

namespace stressd::host {
namespace {

constexpr std::string_view kNotice =
    "<!-- Made from the declaration in stressd/host/scenarios; do not edit. "
    "`bazel run //stressd/host/scenarios:write_pages` writes it. -->\n\n";

// Returns `text` with a capital first letter and a full stop.
std::string Sentence(std::string_view text) {
  std::string sentence(text);
  if (!sentence.empty() && sentence[0] >= 'a' && sentence[0] <= 'z') {
    sentence[0] = static_cast<char>(sentence[0] - 'a' + 'A');
  }
  if (!sentence.empty() && sentence.back() != '.') sentence += '.';
  return sentence;
}

void AppendParameterTable(absl::Span<const ParameterSpec> specs, std::string& page) {
  page += "| name | type | default | allowed | meaning |\n";
  page += "| --- | --- | --- | --- | --- |\n";
  for (const ParameterSpec& spec : specs) {
    absl::StrAppendFormat(&page, "| `%s` | %s | %s | %s | %s |\n", spec.name,
                          ParameterTypeName(spec.type), ParameterValueText(spec.default_value),
                          AllowedText(spec), spec.doc);
  }
}

void AppendParameters(const ScenarioDeclaration& scenario, std::string& page) {
  page += "\n## Parameters\n\n";
  if (scenario.parameters.empty()) {
    page += "None.\n";
    return;
  }
  AppendParameterTable(scenario.parameters, page);
}

void AppendDuration(const ScenarioDeclaration& scenario, std::string& page) {
  if (scenario.rounds_parameter.empty()) {
    page += "\nIt ignores a duration: it does one thing and ends.\n";
    return;
  }
  absl::StrAppendFormat(&page,
                        "\nA run with a duration works until it has passed, whatever `%s` says.\n",
                        scenario.rounds_parameter);
}

void AppendPresets(const ScenarioDeclaration& scenario, std::string& page) {
  page += "\n## Presets\n\n";
  for (const Preset& preset : Presets()) {
    if (preset.scenario != scenario.name) continue;
    absl::StrAppendFormat(&page, "- `%s`:", preset.name);
    if (preset.parameters.empty()) page += " the defaults";
    for (const PresetParameter& parameter : preset.parameters) {
      absl::StrAppendFormat(&page, "%s `%s=%s`", &parameter == preset.parameters.data() ? "" : ",",
                            parameter.name, parameter.text);
    }
    page += "\n";
  }
}

void AppendVerdicts(const ScenarioDeclaration& scenario, std::string& page) {
  if (!scenario.canary) return;
  page += "\n## Expected verdict\n\n| flavor | verdict |\n| --- | --- |\n";
  for (const std::string_view flavor : {"plain", "asan", "tsan", "bench"}) {
    const ExpectedVerdict verdict = scenario.expected.ForFlavor(flavor);
    absl::StrAppendFormat(
        &page, "| %s | %s |\n", flavor,
        verdict == ExpectedVerdict::kSilent ? "not meant to see it" : ExpectedVerdictName(verdict));
  }
}

}  // namespace

std::string ScenarioPageFile(const ScenarioDeclaration& scenario) {
  std::string file(scenario.name);
  std::replace(file.begin(), file.end(), '-', '_');
  return file + ".md";
}

std::string ScenarioPage(const ScenarioDeclaration& scenario) {
  std::string page(kNotice);
  absl::StrAppendFormat(&page, "# %s\n\n%s\n", scenario.name, scenario.summary);
  if (scenario.canary) {
    page += "\nA canary: it must fail, to show that the judges are awake.\n";
  }
  if (scenario.always_fresh) {
    page += "\nAlways runs in a fresh host.\n";
  }
  absl::StrAppendFormat(&page, "\n**Stresses.** %s\n", Sentence(scenario.stresses));
  absl::StrAppendFormat(&page, "\n**Method.** %s\n", Sentence(scenario.method));
  absl::StrAppendFormat(&page, "\n**Holds if.** %s\n", Sentence(scenario.holds_if));
  absl::StrAppendFormat(&page, "\n**Exercises.** %s\n", Sentence(scenario.exercises));
  AppendParameters(scenario, page);
  AppendDuration(scenario, page);
  AppendPresets(scenario, page);
  AppendVerdicts(scenario, page);
  return page;
}

std::string ScenarioIndexPage() {
  std::string page(kNotice);
  page +=
      "# Scenarios\n\n| scenario | what it does | kind |\n"
      "| --- | --- | --- |\n";
  for (const ScenarioDeclaration* scenario : Scenarios()) {
    absl::StrAppendFormat(&page, "| [%s](%s) | %s | %s |\n", scenario->name,
                          ScenarioPageFile(*scenario), scenario->summary,
                          scenario->canary ? "canary" : "scenario");
  }
  page += "\n## Parameters of every scenario\n\n";
  AppendParameterTable(kCommonParameters, page);
  return page;
}

}  // namespace stressd::host
