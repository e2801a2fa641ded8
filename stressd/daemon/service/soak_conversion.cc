// The part of conversion.h that is about soaks.
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "stressd/daemon/service/conversion.h"
#include "stressd/daemon/service/resource_name.h"
#include "stressd/daemon/service/status_conversion.h"

namespace stressd::service {
namespace {

// Keeps the first error, with its place.
class FirstError final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text_.empty())
      text_ = absl::StrCat("line ", line + 1, ", column ", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void ToPlan(const runs::SoakPlan& plan, v1::SoakPlan& out) {
  out.set_plan_id(plan.name);
  *out.mutable_interval() = ToDuration(plan.interval);
  *out.mutable_duration() = ToDuration(plan.duration);
  out.set_seed(plan.seed);
  out.set_run_plan(plan.run_plan);
  out.set_canary_step_count(plan.canary_step_count);
  for (const runs::SoakEntry& entry : plan.entries) {
    v1::SoakEntry& each = *out.add_entries();
    each.set_scenario(entry.scenario);
    for (const std::string& flavor : entry.flavors) each.add_flavors(flavor);
    for (const auto& [name, value] : entry.parameters) (*each.mutable_parameters())[name] = value;
    each.set_weight(entry.weight);
    *each.mutable_run_duration() = ToDuration(entry.run_duration);
    each.set_host_kind(static_cast<v1::HostKind>(entry.host_kind));
  }
}

absl::StatusOr<runs::SoakEntry> FromEntry(const std::string& field, const v1::SoakEntry& entry) {
  runs::SoakEntry out;
  out.scenario = entry.scenario();
  out.flavors.assign(entry.flavors().begin(), entry.flavors().end());
  for (const auto& [name, value] : entry.parameters()) out.parameters[name] = value;
  out.weight = entry.weight() == 0 ? 1 : entry.weight();
  const absl::StatusOr<absl::Duration> duration =
      FromDuration(absl::StrCat(field, ".run_duration"), entry.run_duration());
  if (!duration.ok()) return duration.status();
  out.run_duration = *duration;
  const absl::StatusOr<runs::HostKind> kind =
      FromHostKind(absl::StrCat(field, ".host_kind"), entry.host_kind());
  if (!kind.ok()) return kind.status();
  if (*kind != runs::HostKind::kUnspecified) out.host_kind = *kind;
  return out;
}

}  // namespace

v1::Soak ToSoak(const runs::SoakRecord& soak) {
  v1::Soak out;
  out.set_name(ResourceName("soaks", soak.id));
  ToPlan(soak.plan, *out.mutable_plan());
  out.set_state(static_cast<v1::Soak::State>(soak.state));
  *out.mutable_create_time() = ToTimestamp(soak.create_time);
  if (soak.end_time > absl::UnixEpoch()) *out.mutable_end_time() = ToTimestamp(soak.end_time);
  *out.mutable_elapsed() = ToDuration(soak.elapsed);
  out.set_step_count(soak.step_count);
  out.set_skipped_count(soak.skipped_count);
  out.set_restart_count(soak.restart_count);
  out.set_last_run(ResourceName("runs", soak.last_run_id));
  out.set_last_finding_run(ResourceName("runs", soak.last_finding_run_id));
  out.set_canary_run_count(soak.canary_run_count);
  out.set_silent_canary_run_count(soak.silent_canary_run_count);
  out.set_last_silent_canary_run(ResourceName("runs", soak.last_silent_canary_run_id));
  for (const runs::SoakTally& tally : soak.tallies) {
    v1::SoakTally& each = *out.add_tallies();
    each.set_scenario(tally.scenario);
    each.set_flavor(tally.flavor);
    each.set_run_count(tally.run_count);
    for (const auto& [verdict, count] : tally.verdict_counts) {
      v1::VerdictCount& verdict_count = *each.add_verdict_counts();
      verdict_count.set_verdict(static_cast<v1::Verdict>(verdict));
      verdict_count.set_run_count(count);
    }
    each.set_operation_count(tally.operation_count);
    *each.mutable_busy_duration() = ToDuration(tally.busy);
  }
  return out;
}

absl::StatusOr<runs::SoakPlan> FromSoakPlan(const v1::SoakPlan& plan) {
  runs::SoakPlan out;
  out.name = plan.plan_id();
  const absl::StatusOr<absl::Duration> interval = FromDuration("interval", plan.interval());
  if (!interval.ok()) return interval.status();
  out.interval = *interval;
  const absl::StatusOr<absl::Duration> duration = FromDuration("duration", plan.duration());
  if (!duration.ok()) return duration.status();
  out.duration = *duration;
  out.seed = plan.seed();
  if (!plan.run_plan().empty()) out.run_plan = plan.run_plan();
  if (plan.has_canary_step_count()) out.canary_step_count = plan.canary_step_count();
  for (int i = 0; i < plan.entries_size(); ++i) {
    absl::StatusOr<runs::SoakEntry> entry =
        FromEntry(absl::StrCat("entries[", i, "]"), plan.entries(i));
    if (!entry.ok()) return entry.status();
    out.entries.push_back(*std::move(entry));
  }
  return out;
}

absl::StatusOr<runs::SoakPlan> ParseSoakPlan(const std::string& text) {
  v1::SoakPlan plan;
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (!parser.ParseFromString(text, &plan)) {
    return absl::InvalidArgumentError(absl::StrCat("not a text format SoakPlan: ", error.text()));
  }
  return FromSoakPlan(plan);
}

}  // namespace stressd::service
