// Samples of the hosts that a client names by flavor.
#ifndef STRESSD_DAEMON_SERVICE_FLAVOR_SAMPLE_H_
#define STRESSD_DAEMON_SERVICE_FLAVOR_SAMPLE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stressd/daemon/runs/host_view.h"
#include "stressd/daemon/runs/scenario_catalog.h"

namespace stressd::service {

// InvalidArgumentError, naming `field` and the flavors there are.
absl::Status CheckFlavor(const std::string& field, const std::string& flavor,
                         const runs::ScenarioCatalog& catalog);

// Hosts of `flavors`, resident ones that are started if need be; of no flavors,
// all that are alive. Errors name `flavors[0]` and the like.
absl::StatusOr<std::vector<runs::HostSample>> SampleFlavors(
    runs::HostView& hosts, const runs::ScenarioCatalog& catalog,
    const std::vector<std::string>& flavors);

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_FLAVOR_SAMPLE_H_
