// What step n of a soak executes, and whether a plan makes sense.
//
// Model.  Step n is drawn by a mixer of (seed, n): first the entry by weight,
// then one of its flavors, then the run's seed. No state between steps, so a
// restarted daemon continues the same sequence.
// Thread safety.  Functions of their arguments.
#ifndef STRESSD_DAEMON_RUNS_SOAK_DRAW_H_
#define STRESSD_DAEMON_RUNS_SOAK_DRAW_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "stressd/daemon/runs/limits.h"
#include "stressd/daemon/runs/run.h"
#include "stressd/daemon/runs/scenario_catalog.h"
#include "stressd/daemon/runs/soak.h"

namespace stressd::runs {

// The run of step `step_index`, counted from 0. `plan` is valid, its seed set.
RunSpec DrawSoakStep(const SoakPlan& plan, int64_t step_index);

// The canary that takes step `step_index`; nullopt where the step is DrawSoakStep()'s. The pairs of
// a canary and a flavor of the plan that must see it take turns, each in a fresh host.
std::optional<RunSpec> DrawSoakCanary(const SoakPlan& plan, const ScenarioCatalog& catalog,
                                      int64_t step_index);

// Checks a plan against the catalog: names, weights, flavors, parameters,
// durations. NotFoundError or InvalidArgumentError; the message begins with
// the field: `entries[2].weight: ...`.
absl::Status ValidateSoakPlan(const SoakPlan& plan, const ScenarioCatalog& catalog,
                              const Limits& limits);

}  // namespace stressd::runs

#endif  // STRESSD_DAEMON_RUNS_SOAK_DRAW_H_
