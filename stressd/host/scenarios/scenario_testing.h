// What the tests of scenarios share: a whole run in this process, as a host does
// it, with every oracle.

#ifndef STRESSD_HOST_SCENARIOS_SCENARIO_TESTING_H_
#define STRESSD_HOST_SCENARIOS_SCENARIO_TESTING_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "stressd/host/scenario/parameters.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

struct RunOutcome {
  absl::Status status;
  std::vector<Violation> violations = {};
  std::vector<std::string> unreached = {};
  uint64_t operations = 0;
  std::map<std::string, int64_t> measurements = {};
  absl::Duration run_duration = absl::ZeroDuration();  // Of the phase Run().

  // Returns everything that speaks against the run, one line each; empty: it
  // passed.
  std::string Complaints() const;
  // Returns true if `oracle` was violated.
  bool Violated(std::string_view oracle) const;
};

// Runs `scenario` in a runtime of its own with `overrides` over its smoke
// preset. `stop`, if not null, cancels the run when it becomes true.
RunOutcome RunScenario(std::string_view scenario, const ParameterTexts& overrides, uint64_t seed,
                       const std::atomic<bool>* stop = nullptr,
                       absl::Duration duration = absl::ZeroDuration());

// Runs `scenario` with one round declared, without and with a duration. Returns
// what speaks against the duration deciding, or nothing.
std::string DurationComplaints(std::string_view scenario);

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_SCENARIO_TESTING_H_
