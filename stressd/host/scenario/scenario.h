// Scenario: one thing that can be executed against the runtime core, and its
// declaration.
//
// Model.  The host makes one Scenario per run and calls, on the main thread
//   with `context.main_thread()` attached:
//     SetUp()     makes what the run needs,
//     (baseline: the oracles' first snapshot)
//     Run()       does the work; returns when its RoundLoop says so,
//     (quiesce, and the oracles' second snapshot)
//     Check()     judges the scenario's own promise,
//     TearDown()  releases what SetUp() made, before the interpreter ends.
//   TearDown() runs whatever the phases before it returned. A status that is
//   not OK means that the run could not be carried out (verdict ERROR), never
//   that it found something: findings are violations.
// Thread safety.  The phases run one after the other on one thread.

#ifndef STRESSD_HOST_SCENARIO_SCENARIO_H_
#define STRESSD_HOST_SCENARIO_SCENARIO_H_

#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "stressd/host/scenario/parameters.h"
#include "stressd/host/scenario/scenario_context.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

class Scenario {
 public:
  virtual ~Scenario() = default;

  virtual absl::Status SetUp(ScenarioContext& context) {
    (void)context;
    return absl::OkStatus();
  }
  virtual absl::Status Run(ScenarioContext& context) = 0;
  virtual void Check(const ScenarioContext& context, ViolationList& out) const = 0;
  virtual void TearDown(ScenarioContext& context) { (void)context; }
};

// How a run of a scenario must end in one flavor.
enum class ExpectedVerdict {
  kPassed,
  kViolation,
  kSanitizerReport,
  kCrashed,
  kHung,
  kSilent,  // A canary that this flavor is not meant to see.
};

// Returns "PASSED", "VIOLATION", ..., as in the public API; "SILENT" for the
// last one.
std::string_view ExpectedVerdictName(ExpectedVerdict verdict);

// The expected verdict by flavor. Ordinary scenarios pass in every one.
struct ExpectedVerdicts {
  ExpectedVerdict plain = ExpectedVerdict::kPassed;
  ExpectedVerdict asan = ExpectedVerdict::kPassed;
  ExpectedVerdict tsan = ExpectedVerdict::kPassed;
  ExpectedVerdict bench = ExpectedVerdict::kPassed;

  // Returns the entry of the flavor called `flavor`; kSilent for an unknown one.
  ExpectedVerdict ForFlavor(std::string_view flavor) const;
};

// What the registry knows of a scenario: a constant beside its class.
struct ScenarioDeclaration {
  std::string_view name;     // kebab-case, unique.
  std::string_view summary;  // One sentence.
  // The parts of the class comment, for the scenario's page.
  std::string_view stresses;
  std::string_view method;
  std::string_view holds_if;
  std::string_view exercises;
  absl::Span<const ParameterSpec> parameters = {};
  // The parameter that says how often Run() repeats its work when the run has
  // no duration; empty: it does one thing and ignores a duration.
  std::string_view rounds_parameter = {};
  bool canary = false;        // It must fail, as `expected` says.
  bool always_fresh = false;  // Never in a resident host.
  // Whether its workers bear that any allocation of theirs fails: a plan may then
  // ask for that.
  bool tolerates_allocation_failure = false;
  ExpectedVerdicts expected = {};
  std::unique_ptr<Scenario> (*create)(const Parameters& parameters) = nullptr;
};

// The `create` of a scenario whose class has the constructor of style.
template <typename ScenarioType>
std::unique_ptr<Scenario> CreateScenario(const Parameters& parameters) {
  return std::make_unique<ScenarioType>(parameters);
}

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIO_SCENARIO_H_
