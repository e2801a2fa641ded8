// The catalog of scenarios and flavors, and the validation of what a client
// asks for against it.
//
// Model.  Filled once at start-up from what a host describes; constant after.
// Every refusal names the field, the value given and what is allowed.
// Thread safety.  Constant after construction; any thread.
#ifndef STRESSD_DAEMON_RUNS_SCENARIO_CATALOG_H_
#define STRESSD_DAEMON_RUNS_SCENARIO_CATALOG_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "stressd/daemon/runs/limits.h"
#include "stressd/daemon/runs/run.h"

namespace stressd::runs {

enum class ParameterType {
  kUnspecified = 0,
  kInt64 = 1,
  kDouble = 2,
  kBool = 3,
  kDuration = 4,
  kChoice = 5,
};

absl::string_view ParameterTypeName(ParameterType type);

// What a parameter's value counts: which of Limits holds for it.
enum class ParameterCounts { kNothing, kThreads, kOperations, kBytes };

// A declared parameter. Range and default in the text form of its type:
// "12", "0.5", "true", "250ms".
struct ParameterDescription {
  std::string name;
  ParameterType type = ParameterType::kUnspecified;
  std::string minimum;  // Empty: no bound of its own.
  std::string maximum;
  std::string default_value;
  std::vector<std::string> choices;  // Of kChoice.
  std::string documentation;
  ParameterCounts counts = ParameterCounts::kNothing;
};

struct ScenarioDescription {
  std::string name;
  std::string summary;
  std::string stresses;
  std::string method;
  std::string holds_if;
  std::vector<std::string> mechanisms;
  bool is_canary = false;
  bool fresh_only = false;  // Never in a resident host.
  // Whether a plan may let its allocations fail.
  bool tolerates_allocation_failure = false;
  // For a canary, the verdict each flavor meant to see it must give.
  std::map<std::string, Verdict> expected_verdicts;
  std::vector<ParameterDescription> parameters;
  // The flavors that host it; empty: every one.
  std::vector<std::string> flavors;
  // Values by parameter, by the preset's name.
  std::map<std::string, std::map<std::string, std::string>> presets;
};

struct FlavorDescription {
  std::string name;
  std::string build_id;
  std::string host_path;
  // Why it does not host what others do; empty: no reason of its own.
  std::string refusal_of_others = "";
};

class ScenarioCatalog {
 public:
  ScenarioCatalog() = default;
  ScenarioCatalog(std::vector<ScenarioDescription> scenarios,
                  std::vector<FlavorDescription> flavors);

  // In the order of their names.
  const std::vector<ScenarioDescription>& scenarios() const { return scenarios_; }
  const std::vector<FlavorDescription>& flavors() const { return flavors_; }

  // Null if there is none of that name.
  const ScenarioDescription* Find(absl::string_view name) const;

  // Checks `spec` and fills what it leaves open except the seed: host kind,
  // default parameters (in their normal form), limits. Unknown scenario:
  // NotFoundError. A flavor that does not host it: FailedPreconditionError. Anything
  // else wrong: InvalidArgumentError. All messages read
  // `field: "value" is ...; allowed: ...`.
  absl::StatusOr<RunSpec> Complete(RunSpec spec, const Limits& limits) const;

  // The flavors of this daemon that do not host `scenario`, each with its reason.
  std::map<std::string, std::string> Refusals(const ScenarioDescription& scenario) const;

 private:
  std::vector<ScenarioDescription> scenarios_;
  std::vector<FlavorDescription> flavors_;
};

// Parses `text` as a value of `parameter`, checks its range and returns it in
// normal form. InvalidArgumentError names `parameters.NAME`.
absl::StatusOr<std::string> NormalizeParameter(const ParameterDescription& parameter,
                                               absl::string_view text);

}  // namespace stressd::runs

#endif  // STRESSD_DAEMON_RUNS_SCENARIO_CATALOG_H_
