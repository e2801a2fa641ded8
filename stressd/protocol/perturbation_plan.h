// Plan: how a run is perturbed, as text and as values.
//
// Model.  A plan is none, or parts of different kinds, each with its fields:
//     none
//     uniform:per_million=2000,max_delay_us=50,yield_percent=50
//     focus:points=qsbr.scan+runtime/sync/mutex.cc:31;signals:period_us=500
//   ParsePlan() gives a field that is left out its default and refuses what is
//   unknown or out of range; Plan::Text() names every field, in one order, and
//   parses to the same plan. `auto` stands for a plan that the run's seed draws:
//   ResolvePlan() replaces it, so that a record never holds it.
// Thread safety.  Plain values.
// Source.  Burckhardt and others, "A randomized scheduler with probabilistic
// guarantees of finding bugs" (PCT), ASPLOS 2010; Erickson and others, "Effective
// data-race detection for the kernel" (DataCollider), OSDI 2010.
#ifndef STRESSD_PROTOCOL_PERTURBATION_PLAN_H_
#define STRESSD_PROTOCOL_PERTURBATION_PLAN_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace stressd::protocol {

// In the order of the canonical text.
enum class PlanKind : uint8_t {
  kUniform,        // Pauses at any schedule point.
  kFocus,          // Pauses at one or a few points.
  kPct,            // Workers pause by priorities, which change now and then.
  kStarve,         // Now and then a worker stands still for long.
  kOversubscribe,  // Busy threads beside the workers, or fewer processors.
  kSignals,        // Signals without effect to the workers.
  kSlowPaths,      // Ways of the core that are rarely taken.
  kAllocFailure,   // Allocations that fail.
};
inline constexpr size_t kPlanKindCount = 8;

// A whole number of a part.
struct PlanField {
  absl::string_view name;  // Ends in its unit.
  int64_t minimum;         // Included in the range, as is maximum.
  int64_t maximum;
  int64_t default_value;
  absl::string_view doc;  // Completes "how": one phrase.
};

// What there is to know of a kind.
struct PlanKindSpec {
  PlanKind kind;
  absl::string_view name;
  absl::string_view doc;  // One sentence.
  absl::Span<const PlanField> fields;
  // Whether it takes points=any, the default, or points=a+b: names of points.
  bool takes_points;
};

inline constexpr size_t kPlanFieldsMax = 4;
inline constexpr size_t kPlanPointsMax = 8;
inline constexpr size_t kPlanTextBytesMax = 2048;

// Every kind, in order.
absl::Span<const PlanKindSpec> PlanKinds();

// One part of a plan.
struct PlanPart {
  PlanKind kind = PlanKind::kUniform;
  std::array<int64_t, kPlanFieldsMax> values = {};  // In the order of the fields.
  std::vector<std::string> points;                  // Empty: any.

  // Returns the value of a field of this kind.
  int64_t Get(absl::string_view field) const;

  bool operator==(const PlanPart&) const = default;
};

struct Plan {
  bool is_auto = false;
  std::vector<PlanPart> parts;  // By kind, each at most once; empty: none.

  bool is_none() const { return !is_auto && parts.empty(); }
  // Null if the plan has no such part.
  const PlanPart* Find(PlanKind kind) const;
  // The canonical text.
  std::string Text() const;

  bool operator==(const Plan&) const = default;
};

// Returns the plan that `text` describes; the empty text is none. InvalidArgumentError,
// with field, value and what is allowed, for any other.
absl::StatusOr<Plan> ParsePlan(absl::string_view text);

// Returns `plan`, or what `seed` draws if it is auto: one of the kinds that suit every
// scenario, with its values, or none. The same seed draws the same plan.
Plan ResolvePlan(const Plan& plan, uint64_t seed);

}  // namespace stressd::protocol

#endif  // STRESSD_PROTOCOL_PERTURBATION_PLAN_H_
