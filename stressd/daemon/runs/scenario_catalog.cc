#include "stressd/daemon/runs/scenario_catalog.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "stressd/protocol/perturbation_plan.h"

namespace stressd::runs {
namespace {

// Longer ones are cut in messages: what a client sends is not to fill a log.
constexpr size_t kQuotedBytesMax = 80;

std::string Quoted(absl::string_view value) {
  const bool cut = value.size() > kQuotedBytesMax;
  return absl::StrCat("\"", absl::CHexEscape(value.substr(0, kQuotedBytesMax)), cut ? "..." : "",
                      "\"");
}

absl::Status Refusal(absl::string_view field, absl::string_view value, absl::string_view what,
                     absl::string_view allowed) {
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": ", Quoted(value), " ", what, "; allowed: ", allowed));
}

std::string NamesOf(const std::vector<ScenarioDescription>& scenarios) {
  return absl::StrJoin(scenarios, ", ", [](std::string* out, const ScenarioDescription& each) {
    absl::StrAppend(out, each.name);
  });
}

std::string NamesOf(const std::vector<FlavorDescription>& flavors) {
  return absl::StrJoin(flavors, ", ", [](std::string* out, const FlavorDescription& each) {
    absl::StrAppend(out, each.name);
  });
}

std::string AllowedRange(const ParameterDescription& parameter) {
  const absl::string_view type = ParameterTypeName(parameter.type);
  if (parameter.minimum.empty() && parameter.maximum.empty()) {
    return std::string(type);
  }
  return absl::StrCat(type, " from ", parameter.minimum, " to ", parameter.maximum);
}

// One number of a parameter's type. Parse() gives nothing for what is no
// number, Format() the normal form.
struct Int64Text {
  static std::optional<int64_t> Parse(absl::string_view text) {
    int64_t value = 0;
    if (!absl::SimpleAtoi(text, &value)) return std::nullopt;
    return value;
  }
  static std::string Format(int64_t value) { return absl::StrCat(value); }
};

struct DoubleText {
  static std::optional<double> Parse(absl::string_view text) {
    double value = 0;
    if (!absl::SimpleAtod(text, &value) || !std::isfinite(value)) {
      return std::nullopt;
    }
    return value;
  }
  static std::string Format(double value) {
    char buffer[64];
    const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value);
    return std::string(buffer, end.ptr);
  }
};

struct DurationText {
  static std::optional<absl::Duration> Parse(absl::string_view text) {
    absl::Duration value;
    if (!absl::ParseDuration(text, &value) || value == absl::InfiniteDuration() ||
        value == -absl::InfiniteDuration()) {
      return std::nullopt;
    }
    return value;
  }
  static std::string Format(absl::Duration value) { return absl::FormatDuration(value); }
};

template <typename Text>
absl::StatusOr<std::string> NormalizeNumber(const ParameterDescription& parameter,
                                            absl::string_view text) {
  const std::string field = absl::StrCat("parameters.", parameter.name);
  const auto value = Text::Parse(text);
  if (!value.has_value()) {
    return Refusal(field, text,
                   absl::StrCat("is not a representable ", ParameterTypeName(parameter.type)),
                   AllowedRange(parameter));
  }
  const auto minimum = Text::Parse(parameter.minimum);
  const auto maximum = Text::Parse(parameter.maximum);
  if ((minimum.has_value() && *value < *minimum) || (maximum.has_value() && *value > *maximum)) {
    return Refusal(field, text, "is out of range", AllowedRange(parameter));
  }
  return Text::Format(*value);
}

// The limit on one parameter; nothing where none holds.
std::optional<int64_t> LimitOf(ParameterCounts counts, const Limits& limits) {
  switch (counts) {
    case ParameterCounts::kNothing:
      return std::nullopt;
    case ParameterCounts::kThreads:
      return limits.thread_count_max;
    case ParameterCounts::kOperations:
      return limits.operation_count_max;
    case ParameterCounts::kBytes:
      return limits.rss_bytes_max;
  }
  return std::nullopt;
}

// Limits of the daemon on parameters by what they count; threads also together.
absl::Status CheckParameterLimits(const ScenarioDescription& scenario, const RunSpec& spec,
                                  const Limits& limits) {
  int64_t thread_count = 0;
  std::vector<std::string> thread_parameters;
  for (const ParameterDescription& parameter : scenario.parameters) {
    const std::optional<int64_t> limit = LimitOf(parameter.counts, limits);
    const auto it = spec.parameters.find(parameter.name);
    int64_t value = 0;
    if (!limit.has_value() || it == spec.parameters.end() ||
        !absl::SimpleAtoi(it->second, &value)) {
      continue;
    }
    if (value > *limit) {
      return Refusal(absl::StrCat("parameters.", parameter.name), it->second,
                     "is above this daemon's limit", absl::StrCat("at most ", *limit));
    }
    if (parameter.counts != ParameterCounts::kThreads) continue;
    thread_count += value;
    thread_parameters.push_back(parameter.name);
  }
  if (thread_count <= limits.thread_count_max) return absl::OkStatus();
  return Refusal(absl::StrCat("parameters.", absl::StrJoin(thread_parameters, " + parameters.")),
                 absl::StrCat(thread_count), "is above this daemon's limit",
                 absl::StrCat("at most ", limits.thread_count_max));
}

absl::Status CheckDuration(absl::string_view field, absl::Duration value, absl::Duration maximum) {
  if (value < absl::ZeroDuration() || value > maximum) {
    return Refusal(field, absl::FormatDuration(value), "is out of range",
                   absl::StrCat("0 to ", absl::FormatDuration(maximum)));
  }
  return absl::OkStatus();
}

absl::Status CompleteDurations(const Limits& limits, RunSpec& spec) {
  absl::Status status = CheckDuration("duration", spec.duration, limits.duration_max);
  if (!status.ok()) return status;
  status = CheckDuration("time_limit", spec.time_limit, limits.time_limit_max);
  if (!status.ok()) return status;
  if (spec.time_limit == absl::ZeroDuration()) {
    const absl::Duration derived = spec.duration == absl::ZeroDuration()
                                       ? limits.time_limit_default
                                       : spec.duration + limits.time_limit_slack;
    spec.time_limit = std::min(derived, limits.time_limit_max);
  }
  // The duration is worked in full before the run is judged: such a run could
  // only end TIMED_OUT.
  if (spec.time_limit <= spec.duration) {
    return Refusal("time_limit", absl::FormatDuration(spec.time_limit),
                   "is not longer than the duration",
                   absl::StrCat("above ", absl::FormatDuration(spec.duration), ", at most ",
                                absl::FormatDuration(limits.time_limit_max)));
  }
  return absl::OkStatus();
}

absl::Status CheckRequestId(absl::string_view request_id) {
  // 128: a UUID with room for a prefix.
  constexpr size_t kBytesMax = 128;
  const bool printable = std::all_of(request_id.begin(), request_id.end(),
                                     [](char c) { return c > 0x20 && c < 0x7f; });
  if (!printable || request_id.size() > kBytesMax) {
    return Refusal("request_id", request_id, "is malformed",
                   absl::StrCat("at most ", kBytesMax, " printable ASCII characters"));
  }
  return absl::OkStatus();
}

absl::Status CompleteParameters(const ScenarioDescription& scenario, RunSpec& spec) {
  for (const auto& [name, value] : spec.parameters) {
    const bool declared =
        std::any_of(scenario.parameters.begin(), scenario.parameters.end(),
                    [&name = name](const ParameterDescription& each) { return each.name == name; });
    if (declared) continue;
    const std::string allowed = absl::StrJoin(
        scenario.parameters, ", ", [](std::string* out, const ParameterDescription& each) {
          absl::StrAppend(out, each.name);
        });
    return Refusal("parameters", name, absl::StrCat("is not a parameter of ", scenario.name),
                   allowed.empty() ? "none" : allowed);
  }
  for (const ParameterDescription& each : scenario.parameters) {
    const auto it = spec.parameters.find(each.name);
    if (it == spec.parameters.end()) {
      spec.parameters[each.name] = each.default_value;
      continue;
    }
    absl::StatusOr<std::string> value = NormalizeParameter(each, it->second);
    if (!value.ok()) return value.status();
    it->second = *std::move(value);
  }
  return absl::OkStatus();
}

absl::Status CompleteHostKind(const ScenarioDescription& scenario, RunSpec& spec) {
  switch (spec.host_kind) {
    case HostKind::kUnspecified:
      spec.host_kind = HostKind::kFresh;
      return absl::OkStatus();
    case HostKind::kFresh:
      return absl::OkStatus();
    case HostKind::kResident:
      if (!scenario.fresh_only && !scenario.is_canary) return absl::OkStatus();
      return Refusal("host_kind", HostKindName(spec.host_kind),
                     absl::StrCat("cannot execute ", scenario.name), "fresh");
  }
  return Refusal("host_kind", absl::StrCat(static_cast<int>(spec.host_kind)), "is unknown",
                 "fresh, resident");
}

// Checks the plan and gives it its canonical form.
absl::Status CompletePlan(const ScenarioDescription& scenario, RunSpec& spec) {
  if (spec.flavor == "explore") {
    // Its schedules are chosen, not disturbed; a soak's default is that of the others.
    if (spec.plan == "auto") spec.plan.clear();
    if (spec.plan.empty()) return absl::OkStatus();
    return Refusal("plan", spec.plan, "is for the flavors that run freely", "none");
  }
  const absl::StatusOr<protocol::Plan> plan = protocol::ParsePlan(spec.plan);
  if (!plan.ok()) return plan.status();
  if (plan->Find(protocol::PlanKind::kAllocFailure) != nullptr &&
      !scenario.tolerates_allocation_failure) {
    return Refusal("plan", "alloc-failure", absl::StrCat("is not tolerated by ", scenario.name),
                   "the other kinds");
  }
  spec.plan = plan->Text();
  return absl::OkStatus();
}

}  // namespace

absl::string_view ParameterTypeName(ParameterType type) {
  switch (type) {
    case ParameterType::kUnspecified:
      return "unspecified";
    case ParameterType::kInt64:
      return "int64";
    case ParameterType::kDouble:
      return "double";
    case ParameterType::kBool:
      return "bool";
    case ParameterType::kDuration:
      return "duration";
    case ParameterType::kChoice:
      return "choice";
  }
  return "unspecified";
}

absl::StatusOr<std::string> NormalizeParameter(const ParameterDescription& parameter,
                                               absl::string_view text) {
  const std::string field = absl::StrCat("parameters.", parameter.name);
  switch (parameter.type) {
    case ParameterType::kInt64:
      return NormalizeNumber<Int64Text>(parameter, text);
    case ParameterType::kDouble:
      return NormalizeNumber<DoubleText>(parameter, text);
    case ParameterType::kDuration:
      return NormalizeNumber<DurationText>(parameter, text);
    case ParameterType::kBool: {
      if (text == "true" || text == "false") return std::string(text);
      return Refusal(field, text, "is not a bool", "true, false");
    }
    case ParameterType::kChoice: {
      const auto it = std::find(parameter.choices.begin(), parameter.choices.end(), text);
      if (it != parameter.choices.end()) return *it;
      return Refusal(field, text, "is not a choice", absl::StrJoin(parameter.choices, ", "));
    }
    case ParameterType::kUnspecified:
      break;
  }
  return absl::InternalError(absl::StrCat(field, ": its type is not known to this daemon"));
}

ScenarioCatalog::ScenarioCatalog(std::vector<ScenarioDescription> scenarios,
                                 std::vector<FlavorDescription> flavors)
    : scenarios_(std::move(scenarios)), flavors_(std::move(flavors)) {
  std::sort(scenarios_.begin(), scenarios_.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
}

const ScenarioDescription* ScenarioCatalog::Find(absl::string_view name) const {
  const auto it = std::find_if(scenarios_.begin(), scenarios_.end(),
                               [&](const ScenarioDescription& each) { return each.name == name; });
  return it == scenarios_.end() ? nullptr : &*it;
}

std::map<std::string, std::string> ScenarioCatalog::Refusals(
    const ScenarioDescription& scenario) const {
  std::map<std::string, std::string> refusals;
  if (scenario.flavors.empty()) return refusals;
  for (const FlavorDescription& flavor : flavors_) {
    if (std::find(scenario.flavors.begin(), scenario.flavors.end(), flavor.name) !=
        scenario.flavors.end()) {
      continue;
    }
    refusals[flavor.name] =
        flavor.refusal_of_others.empty() ? "it is made for others" : flavor.refusal_of_others;
  }
  return refusals;
}

absl::StatusOr<RunSpec> ScenarioCatalog::Complete(RunSpec spec, const Limits& limits) const {
  const ScenarioDescription* scenario = Find(spec.scenario);
  if (scenario == nullptr) {
    return absl::NotFoundError(absl::StrCat("scenario: ", Quoted(spec.scenario),
                                            " is unknown; allowed: ", NamesOf(scenarios_)));
  }
  const bool flavor_known = std::any_of(flavors_.begin(), flavors_.end(),
                                        [&](const auto& each) { return each.name == spec.flavor; });
  if (!flavor_known) {
    return Refusal("flavor", spec.flavor, "is unknown", NamesOf(flavors_));
  }
  const std::map<std::string, std::string> refusals = Refusals(*scenario);
  if (const auto refusal = refusals.find(spec.flavor); refusal != refusals.end()) {
    return absl::FailedPreconditionError(
        absl::StrCat("flavor: ", Quoted(spec.flavor), " does not host ", scenario->name, ": ",
                     refusal->second, "; allowed: ", absl::StrJoin(scenario->flavors, ", ")));
  }
  absl::Status status = CompleteHostKind(*scenario, spec);
  if (status.ok()) status = CompleteParameters(*scenario, spec);
  if (status.ok()) status = CheckParameterLimits(*scenario, spec, limits);
  if (status.ok()) status = CompleteDurations(limits, spec);
  if (status.ok()) status = CompletePlan(*scenario, spec);
  if (status.ok()) status = CheckRequestId(spec.request_id);
  if (!status.ok()) return status;
  return spec;
}

}  // namespace stressd::runs
