#include "stressd/daemon/service/conversion.h"

#include <cstdint>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "stressd/daemon/service/resource_name.h"
#include "stressd/daemon/service/status_conversion.h"

namespace stressd::service {
namespace {

// Of google.protobuf.Duration: 10,000 years.
constexpr int64_t kDurationSecondsMax = 315'576'000'000;

void SetTime(absl::Time time, google::protobuf::Timestamp& out) {
  const int64_t seconds = absl::ToUnixSeconds(time);
  out.set_seconds(seconds);
  out.set_nanos(
      static_cast<int32_t>((time - absl::FromUnixSeconds(seconds)) / absl::Nanoseconds(1)));
}

void ToRunSpec(const runs::RunSpec& spec, v1::RunSpec& out) {
  out.set_scenario(spec.scenario);
  out.set_flavor(spec.flavor);
  out.set_host_kind(static_cast<v1::HostKind>(spec.host_kind));
  for (const auto& [name, value] : spec.parameters) (*out.mutable_parameters())[name] = value;
  if (spec.seed.has_value()) out.set_seed(*spec.seed);
  *out.mutable_duration() = ToDuration(spec.duration);
  *out.mutable_time_limit() = ToDuration(spec.time_limit);
  out.set_repetition(ResourceName("runs", spec.repetition_id));
  out.set_plan(spec.plan);
}

void ToResult(const runs::RunOutcome& outcome, bool with_texts, v1::RunResult& out) {
  out.set_summary(outcome.summary);
  for (const runs::Violation& violation : outcome.violations) {
    *out.add_violations() = ToViolation(violation);
  }
  ToCounters(outcome.counters, *out.mutable_counters());
  for (const runs::ReferenceTotal& total : outcome.references) {
    v1::ReferenceTotal& reference = *out.add_references();
    reference.set_type(total.type);
    reference.set_before(total.before);
    reference.set_after(total.after);
  }
  for (const runs::BalanceValue& value : outcome.balance) {
    v1::BalanceValue& balance = *out.add_balance();
    balance.set_quantity(value.name);
    balance.set_before(value.before);
    balance.set_after(value.after);
  }
  ToCounters(outcome.measurements, *out.mutable_measurements());
  for (const runs::CounterValue& passed : outcome.points) {
    v1::PointCount& point = *out.add_points();
    point.set_point(passed.name);
    point.set_pass_count(passed.value);
  }
  out.set_operation_count(outcome.operation_count);
  *out.mutable_setup_duration() = ToDuration(outcome.setup_duration);
  *out.mutable_run_duration() = ToDuration(outcome.run_duration);
  *out.mutable_check_duration() = ToDuration(outcome.check_duration);
  *out.mutable_tear_down_duration() = ToDuration(outcome.tear_down_duration);
  if (outcome.start_latency > absl::ZeroDuration()) {
    *out.mutable_start_latency() = ToDuration(outcome.start_latency);
  }
  v1::HostEnding& host = *out.mutable_host();
  host.set_pid(outcome.host.pid);
  if (outcome.host.exit_code >= 0) host.set_exit_code(outcome.host.exit_code);
  if (outcome.host.signal > 0) host.set_signal(outcome.host.signal);
  host.set_is_alive(outcome.host.still_alive);
  out.set_build_id(outcome.build_id);
  if (!with_texts) return;
  out.set_report(ValidUtf8(outcome.report));
  out.set_stacks(ValidUtf8(outcome.stacks));
  for (const runs::RunEventRecord& event : outcome.events) *out.add_events() = ToEvent(event);
}

}  // namespace

std::string ValidUtf8(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    bool valid = lead < 0x80 || (lead >= 0xc2 && lead <= 0xf4 && i + length <= text.size());
    uint32_t code = lead < 0x80 ? lead : lead & (0x7fu >> length);
    for (size_t k = 1; valid && k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      valid = (next & 0xc0) == 0x80;
      code = code << 6 | (next & 0x3fu);
    }
    // Overlong forms, surrogates, beyond Unicode.
    valid = valid && !(length == 3 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff))) &&
            !(length == 4 && (code < 0x10000 || code > 0x10ffff));
    if (valid) {
      out.append(text.data() + i, length);
      i += length;
    } else {
      out += "\xef\xbf\xbd";  // U+FFFD
      ++i;
    }
  }
  return out;
}

google::protobuf::Duration ToDuration(absl::Duration duration) {
  google::protobuf::Duration out;
  absl::Duration rest;
  out.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  out.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  return out;
}

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp out;
  SetTime(time, out);
  return out;
}

absl::StatusOr<absl::Duration> FromDuration(absl::string_view field,
                                            const google::protobuf::Duration& duration) {
  const int64_t seconds = duration.seconds();
  const int64_t nanos = duration.nanos();
  if (seconds < 0 || nanos < 0 || nanos > 999'999'999 || seconds > kDurationSecondsMax) {
    return FieldError(field, absl::StrCat(seconds, "s ", nanos, "ns"),
                      "is not a duration from zero", "0s and more, nanos 0 to 999999999");
  }
  return absl::Seconds(seconds) + absl::Nanoseconds(nanos);
}

absl::StatusOr<runs::Verdict> FromVerdict(absl::string_view field, v1::Verdict verdict) {
  if (!v1::Verdict_IsValid(verdict)) {
    return FieldError(field, absl::StrCat(static_cast<int>(verdict)), "is not a verdict", "0 to 9");
  }
  return static_cast<runs::Verdict>(verdict);
}

absl::StatusOr<runs::HostKind> FromHostKind(absl::string_view field, v1::HostKind kind) {
  if (!v1::HostKind_IsValid(kind)) {
    return FieldError(field, absl::StrCat(static_cast<int>(kind)), "is not a kind of host",
                      "0 to 2");
  }
  return static_cast<runs::HostKind>(kind);
}

void ToCounters(const std::vector<runs::CounterValue>& counters, CounterMap& out) {
  for (const runs::CounterValue& counter : counters) out[counter.name] = counter.value;
}

v1::RunProgress ToProgress(const runs::RunProgress& progress) {
  v1::RunProgress out;
  out.set_phase(progress.phase);
  out.set_operation_count(progress.operation_count);
  out.set_heartbeat_count(progress.heartbeat_count);
  out.set_thread_count(progress.thread_count);
  out.set_rss_bytes(progress.rss_bytes);
  *out.mutable_elapsed() = ToDuration(progress.elapsed);
  return out;
}

v1::RunEvent ToEvent(const runs::RunEventRecord& event) {
  v1::RunEvent out;
  out.set_slot_index(event.slot_index);
  out.set_sequence(static_cast<int64_t>(event.sequence));
  out.set_event(ValidUtf8(event.name));
  out.set_time_ns(event.time_ns);
  out.set_argument(event.argument);
  return out;
}

v1::Violation ToViolation(const runs::Violation& violation) {
  v1::Violation out;
  out.set_rule(ValidUtf8(violation.rule));
  out.set_message(ValidUtf8(violation.message));
  out.set_location(ValidUtf8(violation.location));
  return out;
}

v1::Run ToRun(const runs::RunRecord& run, bool with_texts) {
  v1::Run out;
  out.set_name(ResourceName("runs", run.id));
  ToRunSpec(run.spec, *out.mutable_spec());
  out.set_state(static_cast<v1::Run::State>(run.state));
  out.set_verdict(static_cast<v1::Verdict>(run.verdict()));
  out.set_sequence(static_cast<int64_t>(run.sequence));
  out.set_cancel_requested(run.cancel_requested);
  SetTime(run.create_time, *out.mutable_create_time());
  if (run.start_time > absl::UnixEpoch()) SetTime(run.start_time, *out.mutable_start_time());
  if (run.state != runs::RunState::kQueued) *out.mutable_progress() = ToProgress(run.progress);
  if (run.state == runs::RunState::kFinished) {
    SetTime(run.end_time, *out.mutable_end_time());
    ToResult(run.outcome, with_texts, *out.mutable_result());
  }
  out.set_soak(ResourceName("soaks", run.spec.soak_id));
  out.set_requeued_from(ResourceName("runs", run.requeued_from_id));
  out.set_finding(ResourceName("findings", run.finding_id));
  for (const int64_t id : run.more_finding_ids) {
    out.add_more_findings(ResourceName("findings", id));
  }
  out.set_repeat_command(runs::RepeatCommandLine(run));
  out.set_request_id(run.spec.request_id);
  return out;
}

absl::StatusOr<runs::RunSpec> FromRunSpec(const v1::RunSpec& spec) {
  runs::RunSpec out;
  absl::string_view scenario = spec.scenario();
  absl::ConsumePrefix(&scenario, "scenarios/");
  out.scenario = std::string(scenario);
  if (!spec.flavor().empty()) out.flavor = spec.flavor();
  const absl::StatusOr<runs::HostKind> kind = FromHostKind("host_kind", spec.host_kind());
  if (!kind.ok()) return kind.status();
  out.host_kind = *kind;
  for (const auto& [name, value] : spec.parameters()) out.parameters[name] = value;
  if (spec.has_seed()) out.seed = spec.seed();
  const absl::StatusOr<absl::Duration> duration = FromDuration("duration", spec.duration());
  if (!duration.ok()) return duration.status();
  out.duration = *duration;
  const absl::StatusOr<absl::Duration> limit = FromDuration("time_limit", spec.time_limit());
  if (!limit.ok()) return limit.status();
  out.time_limit = *limit;
  const absl::StatusOr<int64_t> repetition =
      ParseOptionalResourceId("repetition", "runs", spec.repetition());
  if (!repetition.ok()) return repetition.status();
  out.repetition_id = *repetition;
  out.plan = spec.plan();
  return out;
}

v1::Scenario ToScenario(const runs::ScenarioCatalog& catalog,
                        const runs::ScenarioDescription& scenario) {
  v1::Scenario out;
  out.set_name(absl::StrCat("scenarios/", scenario.name));
  out.set_scenario_id(scenario.name);
  out.set_summary(scenario.summary);
  out.set_stresses(scenario.stresses);
  out.set_method(scenario.method);
  out.set_holds_if(scenario.holds_if);
  out.set_exercises(absl::StrJoin(scenario.mechanisms, ", "));
  out.set_is_fresh_only(scenario.fresh_only);
  out.set_is_canary(scenario.is_canary);
  const std::map<std::string, std::string> refusals = catalog.Refusals(scenario);
  for (const runs::FlavorDescription& flavor : catalog.flavors()) {
    if (!refusals.contains(flavor.name)) out.add_flavors(flavor.name);
  }
  out.mutable_refusing_flavors()->insert(refusals.begin(), refusals.end());
  for (const auto& [flavor, verdict] : scenario.expected_verdicts) {
    (*out.mutable_expected_verdicts())[flavor] = static_cast<v1::Verdict>(verdict);
  }
  for (const runs::ParameterDescription& parameter : scenario.parameters) {
    v1::Parameter& described = *out.add_parameters();
    described.set_parameter_id(parameter.name);
    described.set_type(static_cast<v1::Parameter::Type>(parameter.type));
    described.set_default_value(parameter.default_value);
    described.set_minimum(parameter.minimum);
    described.set_maximum(parameter.maximum);
    described.set_documentation(parameter.documentation);
    for (const std::string& choice : parameter.choices) described.add_choices(choice);
  }
  for (const auto& [name, values] : scenario.presets) {
    v1::Preset& preset = *out.add_presets();
    preset.set_preset_id(name);
    preset.mutable_parameters()->insert(values.begin(), values.end());
  }
  return out;
}

}  // namespace stressd::service
