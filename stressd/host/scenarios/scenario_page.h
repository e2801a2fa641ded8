// Scenario page: the documentation of a scenario, made from its declaration.

#ifndef STRESSD_HOST_SCENARIOS_SCENARIO_PAGE_H_
#define STRESSD_HOST_SCENARIOS_SCENARIO_PAGE_H_

#include <string>

#include "stressd/host/scenario/scenario.h"

namespace stressd::host {

// Returns the Markdown page of `scenario`: docs/scenarios/NAME.md, where NAME
// has underscores for dashes.
std::string ScenarioPage(const ScenarioDeclaration& scenario);

// Returns the name of its file, without a folder.
std::string ScenarioPageFile(const ScenarioDeclaration& scenario);

// Returns docs/scenarios/README.md: the list of all pages.
std::string ScenarioIndexPage();

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_SCENARIO_PAGE_H_
