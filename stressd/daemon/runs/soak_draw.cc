#include "stressd/daemon/runs/soak_draw.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "stressd/protocol/perturbation_plan.h"

namespace stressd::runs {
namespace {

constexpr size_t kNameBytesMax = 63;  // A DNS label's.
constexpr size_t kEntryCountMax = 1000;
constexpr int64_t kWeightMax = 1000;
constexpr int32_t kConcurrentRunCountMax = 16;
constexpr int32_t kCanaryStepCountMax = 1'000'000;

// The finalizer of SplitMix64: neighbouring inputs give unrelated outputs.
uint64_t Mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

absl::Status Refusal(absl::string_view field, absl::string_view value, absl::string_view allowed) {
  return absl::InvalidArgumentError(absl::StrCat(
      field, ": \"", absl::CHexEscape(value.substr(0, 80)), "\" is refused; allowed: ", allowed));
}

absl::Status CheckRange(absl::string_view field, int64_t value, int64_t minimum, int64_t maximum) {
  if (value >= minimum && value <= maximum) return absl::OkStatus();
  return Refusal(field, absl::StrCat(value), absl::StrCat(minimum, " to ", maximum));
}

absl::Status CheckName(const std::string& name) {
  const bool good = !name.empty() && name.size() <= kNameBytesMax &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                    });
  if (good) return absl::OkStatus();
  return Refusal("name", name,
                 absl::StrCat("1 to ", kNameBytesMax, " lower-case letters, digits and dashes"));
}

absl::Status CheckDuration(absl::string_view field, absl::Duration value, absl::Duration maximum) {
  if (value >= absl::ZeroDuration() && value <= maximum) return absl::OkStatus();
  return Refusal(field, absl::FormatDuration(value),
                 absl::StrCat("0 to ", absl::FormatDuration(maximum)));
}

// The run of `entry` in `flavor`, as the catalog sees it.
RunSpec SpecOf(const SoakPlan& plan, const SoakEntry& entry, const std::string& flavor) {
  RunSpec spec;
  spec.plan = plan.run_plan;
  spec.scenario = entry.scenario;
  spec.flavor = flavor;
  spec.host_kind = entry.host_kind;
  spec.parameters = entry.parameters;
  spec.duration = entry.run_duration;
  return spec;
}

absl::Status CheckEntry(const SoakPlan& plan, const SoakEntry& entry, const std::string& field,
                        const ScenarioCatalog& catalog, const Limits& limits) {
  absl::Status status = CheckRange(absl::StrCat(field, ".weight"), entry.weight, 1, kWeightMax);
  if (!status.ok()) return status;
  if (entry.flavors.empty()) {
    return Refusal(absl::StrCat(field, ".flavors"), "", "at least one flavor");
  }
  for (const std::string& flavor : entry.flavors) {
    status = catalog.Complete(SpecOf(plan, entry, flavor), limits).status();
    if (!status.ok()) {
      return absl::Status(status.code(), absl::StrCat(field, ".", std::string(status.message())));
    }
  }
  return absl::OkStatus();
}

}  // namespace

RunSpec DrawSoakStep(const SoakPlan& plan, int64_t step_index) {
  const uint64_t base = Mix(plan.seed ^ Mix(static_cast<uint64_t>(step_index)));
  uint64_t total = 0;
  for (const SoakEntry& entry : plan.entries) total += static_cast<uint64_t>(entry.weight);
  // The weights sum up to at most 10^6: the modulo's bias is below 2^-44.
  uint64_t position = Mix(base + 1) % total;
  const SoakEntry* drawn = &plan.entries.front();
  for (const SoakEntry& entry : plan.entries) {
    drawn = &entry;
    if (position < static_cast<uint64_t>(entry.weight)) break;
    position -= static_cast<uint64_t>(entry.weight);
  }
  RunSpec spec = SpecOf(plan, *drawn, drawn->flavors[Mix(base + 2) % drawn->flavors.size()]);
  spec.seed = Mix(base + 3) & ((uint64_t{1} << 48) - 1);
  return spec;
}

std::optional<RunSpec> DrawSoakCanary(const SoakPlan& plan, const ScenarioCatalog& catalog,
                                      int64_t step_index) {
  if (plan.canary_step_count == 0 || step_index % plan.canary_step_count != 0) return std::nullopt;
  std::set<std::string> flavors;
  for (const SoakEntry& entry : plan.entries) {
    flavors.insert(entry.flavors.begin(), entry.flavors.end());
  }
  std::vector<std::pair<std::string, std::string>> canaries;
  for (const ScenarioDescription& scenario : catalog.scenarios()) {
    if (!scenario.is_canary) continue;
    for (const auto& [flavor, verdict] : scenario.expected_verdicts) {
      if (flavors.contains(flavor)) canaries.emplace_back(scenario.name, flavor);
    }
  }
  if (canaries.empty()) return std::nullopt;
  const auto turn = static_cast<size_t>(step_index / plan.canary_step_count) % canaries.size();
  RunSpec spec;
  spec.scenario = canaries[turn].first;
  spec.flavor = canaries[turn].second;
  spec.host_kind = HostKind::kFresh;
  spec.seed = DrawSoakStep(plan, step_index).seed;
  return spec;
}

absl::Status ValidateSoakPlan(const SoakPlan& plan, const ScenarioCatalog& catalog,
                              const Limits& limits) {
  // A year: longer ones are a slip of the keyboard.
  const absl::Duration kDurationMax = absl::Hours(24 * 366);
  absl::Status status = CheckName(plan.name);
  if (status.ok()) status = CheckDuration("interval", plan.interval, kDurationMax);
  if (status.ok()) status = CheckDuration("duration", plan.duration, kDurationMax);
  if (status.ok()) {
    status =
        CheckRange("concurrent_run_count", plan.concurrent_run_count, 1, kConcurrentRunCountMax);
  }
  if (status.ok()) {
    status = CheckRange("canary_step_count", plan.canary_step_count, 0, kCanaryStepCountMax);
  }
  if (status.ok()) {
    status = CheckRange("entries", static_cast<int64_t>(plan.entries.size()), 1, kEntryCountMax);
  }
  if (status.ok()) {
    const absl::StatusOr<protocol::Plan> run_plan = protocol::ParsePlan(plan.run_plan);
    if (!run_plan.ok()) {
      status = absl::InvalidArgumentError(
          absl::StrCat("run_", std::string(run_plan.status().message())));
    }
  }
  if (!status.ok()) return status;
  for (size_t i = 0; i < plan.entries.size(); ++i) {
    status = CheckEntry(plan, plan.entries[i], absl::StrCat("entries[", i, "]"), catalog, limits);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace stressd::runs
