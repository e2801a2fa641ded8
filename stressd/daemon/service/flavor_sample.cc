#include "stressd/daemon/service/flavor_sample.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "stressd/daemon/service/status_conversion.h"

namespace stressd::service {

absl::Status CheckFlavor(const std::string& field, const std::string& flavor,
                         const runs::ScenarioCatalog& catalog) {
  std::vector<std::string> names;
  for (const runs::FlavorDescription& known : catalog.flavors()) {
    if (known.name == flavor) return absl::OkStatus();
    names.push_back(known.name);
  }
  return FieldError(field, flavor, "is not a flavor", absl::StrJoin(names, ", "));
}

absl::StatusOr<std::vector<runs::HostSample>> SampleFlavors(
    runs::HostView& hosts, const runs::ScenarioCatalog& catalog,
    const std::vector<std::string>& flavors) {
  if (flavors.empty()) return hosts.SampleHosts();
  for (size_t i = 0; i < flavors.size(); ++i) {
    const absl::Status known = CheckFlavor(absl::StrCat("flavors[", i, "]"), flavors[i], catalog);
    if (!known.ok()) return known;
  }
  std::vector<runs::HostSample> samples;
  for (const std::string& flavor : flavors) {
    absl::StatusOr<runs::HostSample> sample = hosts.SampleResident(flavor);
    if (!sample.ok()) return sample.status();
    samples.push_back(*std::move(sample));
  }
  return samples;
}

}  // namespace stressd::service
