#include "stressd/daemon/supervisor/catalog_maker.h"

#include <algorithm>
#include <utility>

#include "stressd/daemon/supervisor/result_conversion.h"

namespace stressd::supervisor {

void CatalogMaker::Add(runs::FlavorDescription flavor, const protocol::ScenarioList& list) {
  for (runs::ScenarioDescription& scenario : DescriptionsOf(list)) {
    const std::string name = scenario.name;
    const auto it = scenarios_.try_emplace(name, std::move(scenario)).first;
    it->second.flavors.push_back(flavor.name);
  }
  flavor.refusal_of_others = list.refusal_of_others();
  flavors_.push_back(std::move(flavor));
}

runs::ScenarioCatalog CatalogMaker::Make() && {
  std::vector<runs::ScenarioDescription> scenarios;
  for (auto& [name, scenario] : scenarios_) {
    const std::vector<std::string>& hosts = scenario.flavors;
    std::erase_if(scenario.expected_verdicts, [&](const auto& expected) {
      return std::find(hosts.begin(), hosts.end(), expected.first) == hosts.end();
    });
    scenarios.push_back(std::move(scenario));
  }
  return runs::ScenarioCatalog(std::move(scenarios), std::move(flavors_));
}

}  // namespace stressd::supervisor
