#include "stressd/protocol/perturbation_plan.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace stressd::protocol {
namespace {

constexpr PlanField kUniformFields[] = {
    {"per_million", 1, 1'000'000, 2000, "of a million passes of a point, how many pause"},
    {"max_delay_us", 0, 100'000, 50, "the longest delay, in us; most are far shorter"},
    {"yield_percent", 0, 100, 50, "of 100 pauses, how many yield the processor instead"},
};
constexpr PlanField kFocusFields[] = {
    {"percent", 1, 100, 20, "of 100 passes of a chosen point, how many pause"},
    {"max_delay_us", 0, 100'000, 200, "the longest delay, in us; most are far shorter"},
    {"yield_percent", 0, 100, 25, "of 100 pauses, how many yield the processor instead"},
    {"period_count", 100, 1'000'000'000, 5000,
     "with points=any: after how many passes a worker draws others"},
};
constexpr PlanField kPctFields[] = {
    {"depth", 1, 16, 3, "priorities of a worker per window, so one more than it has changes"},
    {"window_count", 100, 1'000'000'000, 20'000, "passes of a worker per window"},
    {"max_delay_us", 0, 100'000, 50, "the longest delay, in us; most are far shorter"},
};
constexpr PlanField kStarveFields[] = {
    {"period_count", 100, 1'000'000'000, 20'000, "passes of a worker between two windows, about"},
    {"window_us", 10, 1'000'000, 2000, "how long it stands still, in us"},
};
constexpr PlanField kOversubscribeFields[] = {
    {"threads", 0, 64, 4, "busy threads beside the workers"},
    {"busy_percent", 1, 100, 20, "of 100 parts of its time, in how many such a thread is busy"},
    {"processors", 0, 1024, 0, "how many processors the run may use at most; 0: all"},
};
constexpr PlanField kSignalsFields[] = {
    {"period_us", 20, 1'000'000, 500, "time between two signals, in us"},
};
constexpr PlanField kSlowPathsFields[] = {
    {"per_million", 1, 1'000'000, 100'000, "of a million chances, how many are taken"},
};
constexpr PlanField kAllocFailureFields[] = {
    {"per_million", 1, 1'000'000, 200, "of a million allocations of a worker, how many fail"},
};

constexpr PlanKindSpec kKinds[] = {
    {PlanKind::kUniform, "uniform", "Pauses at any schedule point.", kUniformFields, false},
    {PlanKind::kFocus, "focus",
     "Pauses at the named points, or at one in 64 that each worker draws now and then.",
     kFocusFields, true},
    {PlanKind::kPct, "pct",
     "Every worker has a priority of eight, drawn anew at changes; the lower, the more it pauses.",
     kPctFields, false},
    {PlanKind::kStarve, "starve", "Now and then a worker stands still at a point.", kStarveFields,
     false},
    {PlanKind::kOversubscribe, "oversubscribe",
     "Busy threads beside the workers, or fewer processors for them.", kOversubscribeFields, false},
    {PlanKind::kSignals, "signals", "Sends the workers signals that do nothing.", kSignalsFields,
     false},
    {PlanKind::kSlowPaths, "slow-paths", "Takes ways of the core that are rarely taken.",
     kSlowPathsFields, true},
    {PlanKind::kAllocFailure, "alloc-failure",
     "Lets allocations fail, in scenarios that declare that they tolerate it.", kAllocFailureFields,
     true},
};
static_assert(std::size(kKinds) == kPlanKindCount);

const PlanKindSpec& SpecOf(PlanKind kind) { return kKinds[static_cast<size_t>(kind)]; }

const PlanKindSpec* FindKind(absl::string_view name) {
  for (const PlanKindSpec& spec : kKinds) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

std::string KindNames() {
  std::vector<absl::string_view> names = {"none", "auto"};
  for (const PlanKindSpec& spec : kKinds) names.push_back(spec.name);
  return absl::StrJoin(names, ", ");
}

std::string FieldNames(const PlanKindSpec& spec) {
  std::vector<absl::string_view> names;
  for (const PlanField& field : spec.fields) names.push_back(field.name);
  if (spec.takes_points) names.push_back("points");
  return absl::StrJoin(names, ", ");
}

absl::Status Wrong(absl::string_view where, absl::string_view value, absl::string_view what,
                   absl::string_view allowed) {
  return absl::InvalidArgumentError(absl::StrCat(
      where, ": \"", absl::CHexEscape(value.substr(0, 80)), "\" ", what, "; allowed: ", allowed));
}

PlanPart DefaultPart(const PlanKindSpec& spec) {
  PlanPart part;
  part.kind = spec.kind;
  for (size_t i = 0; i < spec.fields.size(); ++i) part.values[i] = spec.fields[i].default_value;
  return part;
}

bool IsPointName(absl::string_view name) {
  return !name.empty() && name.size() <= 128 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.' || c == '/' || c == ':';
         });
}

absl::Status ParsePoints(const PlanKindSpec& spec, absl::string_view text, PlanPart& part) {
  if (text == "any") return absl::OkStatus();
  const std::string where = absl::StrCat("plan.", spec.name, ".points");
  std::vector<std::string> points = absl::StrSplit(text, '+');
  for (const std::string& point : points) {
    if (!IsPointName(point)) {
      return Wrong(where, point, "is not a name of a point",
                   "any, or names joined by +, as file.cc:12 or folder.what");
    }
  }
  std::sort(points.begin(), points.end());
  points.erase(std::unique(points.begin(), points.end()), points.end());
  if (points.size() > kPlanPointsMax) {
    return Wrong(where, text, "are too many", absl::StrCat("at most ", kPlanPointsMax, " names"));
  }
  part.points = std::move(points);
  return absl::OkStatus();
}

absl::Status ParseField(const PlanKindSpec& spec, absl::string_view name, absl::string_view text,
                        PlanPart& part) {
  if (spec.takes_points && name == "points") return ParsePoints(spec, text, part);
  for (size_t i = 0; i < spec.fields.size(); ++i) {
    const PlanField& field = spec.fields[i];
    if (field.name != name) continue;
    int64_t value = 0;
    if (!absl::SimpleAtoi(text, &value) || value < field.minimum || value > field.maximum) {
      return Wrong(absl::StrCat("plan.", spec.name, ".", name), text, "is out of range",
                   absl::StrCat("a whole number from ", field.minimum, " to ", field.maximum));
    }
    part.values[i] = value;
    return absl::OkStatus();
  }
  return Wrong(absl::StrCat("plan.", spec.name), name, "is not a field", FieldNames(spec));
}

absl::StatusOr<PlanPart> ParsePart(absl::string_view text) {
  const size_t colon = text.find(':');
  const absl::string_view name = text.substr(0, colon);
  const PlanKindSpec* const spec = FindKind(name);
  if (spec == nullptr) return Wrong("plan", name, "is not a kind of plan", KindNames());
  PlanPart part = DefaultPart(*spec);
  if (colon == text.npos) return part;
  std::vector<absl::string_view> seen;
  for (const absl::string_view field : absl::StrSplit(text.substr(colon + 1), ',')) {
    const size_t equals = field.find('=');
    if (equals == 0 || equals == field.npos) {
      return Wrong(absl::StrCat("plan.", spec->name), field, "is not field=value",
                   FieldNames(*spec));
    }
    const absl::string_view field_name = field.substr(0, equals);
    if (std::find(seen.begin(), seen.end(), field_name) != seen.end()) {
      return Wrong(absl::StrCat("plan.", spec->name), field, "is given twice", "each field once");
    }
    seen.push_back(field_name);
    absl::Status status = ParseField(*spec, field_name, field.substr(equals + 1), part);
    if (!status.ok()) return status;
  }
  return part;
}

// SplitMix64 (Steele and others, OOPSLA 2014): the draws of one plan.
class Draws {
 public:
  // The constant, unrelated to the step, keeps neighbouring seeds apart.
  explicit Draws(uint64_t seed) : state_(seed * 0xd1342543de82ef95u + 0x5851f42d4c957f2du) {
    (void)Next();
  }
  uint64_t Next() {
    uint64_t mixed = state_ += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
  }
  int64_t OneOf(absl::Span<const int64_t> values) { return values[Next() % values.size()]; }

 private:
  uint64_t state_;
};

PlanPart DrawPart(PlanKind kind, Draws& draws) {
  PlanPart part = DefaultPart(SpecOf(kind));
  switch (kind) {
    case PlanKind::kUniform:
      part.values = {draws.OneOf({200, 1000, 5000, 20'000}), draws.OneOf({5, 50, 500}),
                     draws.OneOf({0, 50, 90}), 0};
      break;
    case PlanKind::kFocus:
      part.values = {draws.OneOf({5, 20, 60}), draws.OneOf({20, 200, 1000}), draws.OneOf({0, 25}),
                     draws.OneOf({1000, 5000, 50'000})};
      break;
    case PlanKind::kPct:
      part.values = {draws.OneOf({2, 3, 5}), draws.OneOf({2000, 20'000, 200'000}),
                     draws.OneOf({5, 50, 200}), 0};
      break;
    case PlanKind::kStarve:
      part.values = {draws.OneOf({5000, 20'000, 100'000}), draws.OneOf({200, 2000, 10'000}), 0, 0};
      break;
    default:
      break;
  }
  return part;
}

}  // namespace

absl::Span<const PlanKindSpec> PlanKinds() { return kKinds; }

int64_t PlanPart::Get(absl::string_view field) const {
  const PlanKindSpec& spec = SpecOf(kind);
  for (size_t i = 0; i < spec.fields.size(); ++i) {
    if (spec.fields[i].name == field) return values[i];
  }
  std::abort();  // A programming error: the kind has no such field.
}

const PlanPart* Plan::Find(PlanKind kind) const {
  for (const PlanPart& part : parts) {
    if (part.kind == kind) return &part;
  }
  return nullptr;
}

std::string Plan::Text() const {
  if (is_auto) return "auto";
  if (parts.empty()) return "none";
  std::string text;
  for (const PlanPart& part : parts) {
    const PlanKindSpec& spec = SpecOf(part.kind);
    absl::StrAppend(&text, text.empty() ? "" : ";", spec.name, ":");
    std::vector<std::string> fields;
    if (spec.takes_points) {
      fields.push_back(
          absl::StrCat("points=", part.points.empty() ? "any" : absl::StrJoin(part.points, "+")));
    }
    for (size_t i = 0; i < spec.fields.size(); ++i) {
      fields.push_back(absl::StrCat(spec.fields[i].name, "=", part.values[i]));
    }
    absl::StrAppend(&text, absl::StrJoin(fields, ","));
  }
  return text;
}

absl::StatusOr<Plan> ParsePlan(absl::string_view text) {
  Plan plan;
  if (text.empty() || text == "none") return plan;
  if (text == "auto") {
    plan.is_auto = true;
    return plan;
  }
  if (text.size() > kPlanTextBytesMax) {
    return Wrong("plan", text, "is too long",
                 absl::StrCat("at most ", kPlanTextBytesMax, " characters"));
  }
  for (const absl::string_view each : absl::StrSplit(text, ';')) {
    absl::StatusOr<PlanPart> part = ParsePart(each);
    if (!part.ok()) return part.status();
    if (plan.Find(part->kind) != nullptr) {
      return Wrong("plan", SpecOf(part->kind).name, "is given twice", "each kind once");
    }
    plan.parts.push_back(*std::move(part));
  }
  std::sort(plan.parts.begin(), plan.parts.end(),
            [](const PlanPart& a, const PlanPart& b) { return a.kind < b.kind; });
  return plan;
}

Plan ResolvePlan(const Plan& plan, uint64_t seed) {
  if (!plan.is_auto) return plan;
  Draws draws(seed);
  Plan drawn;
  // 4 of 16 none: what a plan slows down, another run does often.
  constexpr PlanKind kTable[] = {
      PlanKind::kUniform, PlanKind::kUniform,   PlanKind::kUniform, PlanKind::kFocus,
      PlanKind::kFocus,   PlanKind::kFocus,     PlanKind::kPct,     PlanKind::kPct,
      PlanKind::kStarve,  PlanKind::kSlowPaths, PlanKind::kSignals, PlanKind::kOversubscribe,
  };
  const uint64_t draw = draws.Next() % 16;
  if (draw < std::size(kTable)) drawn.parts.push_back(DrawPart(kTable[draw], draws));
  return drawn;
}

}  // namespace stressd::protocol
