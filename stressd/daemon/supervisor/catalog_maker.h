// One catalog from what the hosts of all flavors list.
//
// Model.  A scenario that several flavors list is the same one, described as the
// first of them does; the flavors that list it host it.
// Thread safety.  One thread.
#ifndef STRESSD_DAEMON_SUPERVISOR_CATALOG_MAKER_H_
#define STRESSD_DAEMON_SUPERVISOR_CATALOG_MAKER_H_

#include <map>
#include <string>
#include <vector>

#include "stressd/daemon/runs/scenario_catalog.h"
#include "stressd/protocol/host.pb.h"

namespace stressd::supervisor {

class CatalogMaker {
 public:
  void Add(runs::FlavorDescription flavor, const protocol::ScenarioList& list);
  runs::ScenarioCatalog Make() &&;

 private:
  std::map<std::string, runs::ScenarioDescription> scenarios_;
  std::vector<runs::FlavorDescription> flavors_;
};

}  // namespace stressd::supervisor

#endif  // STRESSD_DAEMON_SUPERVISOR_CATALOG_MAKER_H_
