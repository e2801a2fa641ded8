// `stressctl scenario`: what can be executed, and with which parameters.

#include <grpcpp/client_context.h>

#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands.h"
#include "client/exit_code.h"
#include "client/list_pages.h"
#include "client/text.h"
#include "proto/stressd/v1/scenario.grpc.pb.h"

namespace stressd::client {
namespace {

std::string Allowed(const v1::Parameter& parameter) {
  if (parameter.choices_size() > 0) return absl::StrJoin(parameter.choices(), "|");
  if (parameter.type() == v1::Parameter::BOOL) return "true|false";
  return absl::StrCat("[", parameter.minimum(), ", ", parameter.maximum(), "]");
}

void PrintScenario(const Session& session, const v1::Scenario& scenario) {
  std::cout << Toned(scenario.scenario_id(), Tone::kBold, session.color()) << "  "
            << scenario.summary() << "\n\n";
  const auto section = [](const char* name, const std::string& text) {
    if (!text.empty()) std::cout << "  " << name << "  " << text << "\n";
  };
  section("Stresses ", scenario.stresses());
  section("Method   ", scenario.method());
  section("Holds if ", scenario.holds_if());
  section("Exercises", scenario.exercises());
  section("Flavors  ", absl::StrJoin(scenario.flavors(), ", "));
  const std::map<std::string, std::string> refusing(scenario.refusing_flavors().begin(),
                                                    scenario.refusing_flavors().end());
  for (const auto& [flavor, why] : refusing) {
    std::cout << "  Not in    " << flavor << ": " << why << "\n";
  }
  const std::map<std::string, v1::Verdict> expected(scenario.expected_verdicts().begin(),
                                                    scenario.expected_verdicts().end());
  for (const auto& [flavor, verdict] : expected) {
    std::cout << "  Must end  " << v1::Verdict_Name(verdict) << " in " << flavor << "\n";
  }
  if (scenario.parameters_size() > 0) {
    std::cout << "\n";
    Table table({"PARAMETER", "DEFAULT>", "ALLOWED", "MEANING"});
    for (const v1::Parameter& parameter : scenario.parameters()) {
      table.AddRow({parameter.parameter_id(), parameter.default_value(), Allowed(parameter),
                    parameter.documentation()});
    }
    session.PrintTable(table);
  }
  if (scenario.presets_size() > 0) {
    std::cout << "\n";
    Table table({"PRESET", "VALUES"});
    for (const v1::Preset& preset : scenario.presets()) {
      const std::map<std::string, std::string> values(preset.parameters().begin(),
                                                      preset.parameters().end());
      table.AddRow({preset.preset_id(), absl::StrJoin(values, " ", absl::PairFormatter("="))});
    }
    session.PrintTable(table);
  }
  std::cout << std::flush;
}

}  // namespace

int ListScenarios(Session& session) {
  const auto stub = v1::ScenarioService::NewStub(session.channel());
  std::vector<v1::Scenario> scenarios;
  const grpc::Status status = ForEachPage<v1::ListScenariosRequest, v1::ListScenariosResponse>(
      session, v1::ListScenariosRequest(), 0,
      [&](auto* context, const auto& request, auto* response) {
        return stub->ListScenarios(context, request, response);
      },
      [&](const v1::ListScenariosResponse& response) {
        scenarios.insert(scenarios.end(), response.scenarios().begin(), response.scenarios().end());
        return response.scenarios_size();
      });
  if (!status.ok()) return session.Fail(status);
  if (!session.is_table()) {
    session.PrintList(scenarios);
    return kExitPassed;
  }
  Table table({"SCENARIO", "KIND", "SUMMARY"});
  for (const v1::Scenario& scenario : scenarios) {
    table.AddRow({scenario.scenario_id(),
                  scenario.is_canary() ? Cell("canary", Tone::kWarning) : Cell("scenario"),
                  scenario.summary()});
  }
  session.PrintTable(table);
  return kExitPassed;
}

int DescribeScenario(Session& session, const std::string& scenario_name) {
  const auto stub = v1::ScenarioService::NewStub(session.channel());
  v1::GetScenarioRequest request;
  request.set_name(ResourceName("scenarios", scenario_name));
  v1::Scenario scenario;
  if (const grpc::Status status =
          session.Call(*stub, &v1::ScenarioService::Stub::GetScenario, request, &scenario);
      !status.ok()) {
    return session.Fail(status);
  }
  if (session.is_table()) {
    PrintScenario(session, scenario);
  } else {
    session.PrintMessage(scenario);
  }
  return kExitPassed;
}

}  // namespace stressd::client
