#include "stressd/daemon/store/record_json.h"

#include <map>
#include <optional>
#include <utility>

#include "nlohmann/json.hpp"

namespace stressd::store {
namespace {

using Json = nlohmann::json;
using findings::Finding;
using runs::CounterValue;
using runs::RunRecord;

int64_t Ns(absl::Duration duration) { return absl::ToInt64Nanoseconds(duration); }

// Text of hosts may hold any bytes: those that are no UTF-8 are replaced.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::Duration DurationAt(const Json& json, const char* key) {
  return absl::Nanoseconds(json.value(key, int64_t{0}));
}

absl::Time TimeAt(const Json& json, const char* key) {
  return absl::FromUnixMicros(json.value(key, int64_t{0}));
}

template <typename Enum>
Enum EnumAt(const Json& json, const char* key) {
  return static_cast<Enum>(json.value(key, 0));
}

Json ArrayAt(const Json& json, const char* key) { return json.value(key, Json::array()); }

Json CountersToJson(const std::vector<CounterValue>& counters) {
  Json json = Json::array();
  for (const CounterValue& counter : counters) {
    json.push_back({counter.name, counter.value});
  }
  return json;
}

std::vector<CounterValue> CountersFromJson(const Json& json) {
  std::vector<CounterValue> counters;
  for (const Json& item : json) {
    counters.push_back({item.at(0).get<std::string>(), item.at(1).get<int64_t>()});
  }
  return counters;
}

Json ViolationsToJson(const std::vector<runs::Violation>& violations) {
  Json json = Json::array();
  for (const runs::Violation& violation : violations) {
    json.push_back({{"rule", violation.rule},
                    {"message", violation.message},
                    {"location", violation.location}});
  }
  return json;
}

std::vector<runs::Violation> ViolationsFromJson(const Json& json) {
  std::vector<runs::Violation> violations;
  for (const Json& item : json) {
    violations.push_back(
        {item.value("rule", ""), item.value("message", ""), item.value("location", "")});
  }
  return violations;
}

Json EventsToJson(const std::vector<runs::RunEventRecord>& events) {
  Json json = Json::array();
  for (const runs::RunEventRecord& event : events) {
    json.push_back({event.slot_index, event.sequence, event.name, event.time_ns, event.argument});
  }
  return json;
}

std::vector<runs::RunEventRecord> EventsFromJson(const Json& json) {
  std::vector<runs::RunEventRecord> events;
  for (const Json& item : json) {
    runs::RunEventRecord event;
    event.slot_index = item.at(0).get<int64_t>();
    event.sequence = item.at(1).get<uint64_t>();
    event.name = item.at(2).get<std::string>();
    event.time_ns = item.at(3).get<int64_t>();
    event.argument = item.at(4).get<int64_t>();
    events.push_back(std::move(event));
  }
  return events;
}

Json ProgressToJson(const runs::RunProgress& progress) {
  return {{"phase", progress.phase},
          {"operation_count", progress.operation_count},
          {"heartbeat_count", progress.heartbeat_count},
          {"thread_count", progress.thread_count},
          {"rss_bytes", progress.rss_bytes},
          {"elapsed_ns", Ns(progress.elapsed)}};
}

runs::RunProgress ProgressFromJson(const Json& json) {
  runs::RunProgress progress;
  progress.phase = json.value("phase", "");
  progress.operation_count = json.value("operation_count", int64_t{0});
  progress.heartbeat_count = json.value("heartbeat_count", int64_t{0});
  progress.thread_count = json.value("thread_count", int64_t{0});
  progress.rss_bytes = json.value("rss_bytes", int64_t{0});
  progress.elapsed = DurationAt(json, "elapsed_ns");
  return progress;
}

Json EntryToJson(const runs::SoakEntry& entry) {
  return {{"scenario", entry.scenario},
          {"flavors", entry.flavors},
          {"parameters", entry.parameters},
          {"weight", entry.weight},
          {"run_duration_ns", Ns(entry.run_duration)},
          {"host_kind", static_cast<int>(entry.host_kind)}};
}

runs::SoakEntry EntryFromJson(const Json& json) {
  runs::SoakEntry entry;
  entry.scenario = json.value("scenario", "");
  entry.flavors = json.value("flavors", std::vector<std::string>());
  entry.parameters = json.value("parameters", std::map<std::string, std::string>());
  entry.weight = json.value("weight", int64_t{1});
  entry.run_duration = DurationAt(json, "run_duration_ns");
  entry.host_kind = EnumAt<runs::HostKind>(json, "host_kind");
  return entry;
}

Json TallyToJson(const runs::SoakTally& tally) {
  Json verdicts = Json::array();
  for (const auto& [verdict, count] : tally.verdict_counts) {
    verdicts.push_back({static_cast<int>(verdict), count});
  }
  return {{"scenario", tally.scenario},
          {"flavor", tally.flavor},
          {"run_count", tally.run_count},
          {"verdict_counts", std::move(verdicts)},
          {"operation_count", tally.operation_count},
          {"busy_ns", Ns(tally.busy)}};
}

runs::SoakTally TallyFromJson(const Json& json) {
  runs::SoakTally tally;
  tally.scenario = json.value("scenario", "");
  tally.flavor = json.value("flavor", "");
  tally.run_count = json.value("run_count", int64_t{0});
  for (const Json& item : ArrayAt(json, "verdict_counts")) {
    tally.verdict_counts[static_cast<runs::Verdict>(item.at(0).get<int>())] =
        item.at(1).get<int64_t>();
  }
  tally.operation_count = json.value("operation_count", int64_t{0});
  tally.busy = DurationAt(json, "busy_ns");
  return tally;
}

}  // namespace

std::string SpecJson(const RunRecord& run) {
  Json json = {{"host_kind", static_cast<int>(run.spec.host_kind)},
               {"parameters", run.spec.parameters},
               {"duration_ns", Ns(run.spec.duration)},
               {"time_limit_ns", Ns(run.spec.time_limit)}};
  if (run.spec.seed.has_value()) json["seed"] = *run.spec.seed;
  return Dump(json);
}

void ReadSpecJson(const std::string& text, RunRecord& run) {
  const Json json = Json::parse(text);
  run.spec.host_kind = EnumAt<runs::HostKind>(json, "host_kind");
  run.spec.parameters = json.value("parameters", std::map<std::string, std::string>());
  run.spec.duration = DurationAt(json, "duration_ns");
  run.spec.time_limit = DurationAt(json, "time_limit_ns");
  if (json.contains("seed")) run.spec.seed = json["seed"].get<uint64_t>();
}

std::string OutcomeJson(const RunRecord& run) {
  const runs::RunOutcome& outcome = run.outcome;
  Json balance = Json::array();
  for (const runs::BalanceValue& value : outcome.balance) {
    balance.push_back({value.name, value.before, value.after});
  }
  return Dump({{"sequence", run.sequence},
               {"cancel_requested", run.cancel_requested},
               {"requeued_from_id", run.requeued_from_id},
               {"requeue_count", run.requeue_count},
               {"more_finding_ids", run.more_finding_ids},
               {"progress", ProgressToJson(run.progress)},
               {"summary", outcome.summary},
               {"violations", ViolationsToJson(outcome.violations)},
               {"balance", std::move(balance)},
               {"measurements", CountersToJson(outcome.measurements)},
               {"points", CountersToJson(outcome.points)},
               {"operation_count", outcome.operation_count},
               {"setup_ns", Ns(outcome.setup_duration)},
               {"run_ns", Ns(outcome.run_duration)},
               {"check_ns", Ns(outcome.check_duration)},
               {"tear_down_ns", Ns(outcome.tear_down_duration)},
               {"start_latency_ns", Ns(outcome.start_latency)},
               {"pid", outcome.host.pid},
               {"exit_code", outcome.host.exit_code},
               {"signal", outcome.host.signal},
               {"still_alive", outcome.host.still_alive},
               {"build_id", outcome.build_id}});
}

void ReadOutcomeJson(const std::string& text, RunRecord& run) {
  const Json json = Json::parse(text);
  run.sequence = json.value("sequence", uint64_t{0});
  run.cancel_requested = json.value("cancel_requested", false);
  run.requeued_from_id = json.value("requeued_from_id", int64_t{0});
  run.requeue_count = json.value("requeue_count", int32_t{0});
  run.more_finding_ids = json.value("more_finding_ids", std::vector<int64_t>());
  run.progress = ProgressFromJson(json.value("progress", Json::object()));
  runs::RunOutcome& outcome = run.outcome;
  outcome.summary = json.value("summary", "");
  outcome.violations = ViolationsFromJson(ArrayAt(json, "violations"));
  for (const Json& item : ArrayAt(json, "balance")) {
    outcome.balance.push_back(
        {item.at(0).get<std::string>(), item.at(1).get<int64_t>(), item.at(2).get<int64_t>()});
  }
  outcome.measurements = CountersFromJson(ArrayAt(json, "measurements"));
  outcome.points = CountersFromJson(ArrayAt(json, "points"));
  outcome.operation_count = json.value("operation_count", int64_t{0});
  outcome.setup_duration = DurationAt(json, "setup_ns");
  outcome.run_duration = DurationAt(json, "run_ns");
  outcome.check_duration = DurationAt(json, "check_ns");
  outcome.tear_down_duration = DurationAt(json, "tear_down_ns");
  outcome.start_latency = DurationAt(json, "start_latency_ns");
  outcome.host.pid = json.value("pid", int64_t{0});
  outcome.host.exit_code = json.value("exit_code", -1);
  outcome.host.signal = json.value("signal", -1);
  outcome.host.still_alive = json.value("still_alive", false);
  outcome.build_id = json.value("build_id", "");
}

std::string EventsJson(const std::vector<runs::RunEventRecord>& events) {
  return Dump(EventsToJson(events));
}

std::vector<runs::RunEventRecord> ReadEventsJson(const std::string& text) {
  return EventsFromJson(Json::parse(text));
}

std::string SoakJson(const runs::SoakRecord& soak) {
  Json entries = Json::array();
  for (const runs::SoakEntry& entry : soak.plan.entries) {
    entries.push_back(EntryToJson(entry));
  }
  Json tallies = Json::array();
  for (const runs::SoakTally& tally : soak.tallies) {
    tallies.push_back(TallyToJson(tally));
  }
  return Dump({{"id", soak.id},
               {"name", soak.plan.name},
               {"interval_ns", Ns(soak.plan.interval)},
               {"duration_ns", Ns(soak.plan.duration)},
               {"seed", soak.plan.seed},
               {"run_plan", soak.plan.run_plan},
               {"canary_step_count", soak.plan.canary_step_count},
               {"entries", std::move(entries)},
               {"state", static_cast<int>(soak.state)},
               {"create_time", absl::ToUnixMicros(soak.create_time)},
               {"end_time", absl::ToUnixMicros(soak.end_time)},
               {"elapsed_ns", Ns(soak.elapsed)},
               {"step_count", soak.step_count},
               {"skipped_count", soak.skipped_count},
               {"restart_count", soak.restart_count},
               {"last_run_id", soak.last_run_id},
               {"last_finding_run_id", soak.last_finding_run_id},
               {"canary_run_count", soak.canary_run_count},
               {"silent_canary_run_count", soak.silent_canary_run_count},
               {"last_silent_canary_run_id", soak.last_silent_canary_run_id},
               {"tallies", std::move(tallies)}});
}

runs::SoakRecord ReadSoakJson(const std::string& text) {
  const Json json = Json::parse(text);
  runs::SoakRecord soak;
  soak.id = json.value("id", int64_t{0});
  soak.plan.name = json.value("name", "");
  soak.plan.interval = DurationAt(json, "interval_ns");
  soak.plan.duration = DurationAt(json, "duration_ns");
  soak.plan.seed = json.value("seed", uint64_t{0});
  // A soak of before there were plans goes on without.
  soak.plan.run_plan = json.value("run_plan", "none");
  // One of before soaks had canaries goes on without, too.
  soak.plan.canary_step_count = json.value("canary_step_count", int32_t{0});
  for (const Json& item : ArrayAt(json, "entries")) {
    soak.plan.entries.push_back(EntryFromJson(item));
  }
  soak.state = EnumAt<runs::SoakState>(json, "state");
  soak.create_time = TimeAt(json, "create_time");
  soak.end_time = TimeAt(json, "end_time");
  soak.elapsed = DurationAt(json, "elapsed_ns");
  soak.step_count = json.value("step_count", int64_t{0});
  soak.skipped_count = json.value("skipped_count", int64_t{0});
  soak.restart_count = json.value("restart_count", int64_t{0});
  soak.last_run_id = json.value("last_run_id", int64_t{0});
  soak.last_finding_run_id = json.value("last_finding_run_id", int64_t{0});
  soak.canary_run_count = json.value("canary_run_count", int64_t{0});
  soak.silent_canary_run_count = json.value("silent_canary_run_count", int64_t{0});
  soak.last_silent_canary_run_id = json.value("last_silent_canary_run_id", int64_t{0});
  for (const Json& item : ArrayAt(json, "tallies")) {
    soak.tallies.push_back(TallyFromJson(item));
  }
  return soak;
}

std::string FindingSummaryJson(const Finding& finding) {
  return Dump({{"tool", finding.tool},
               {"kind", finding.kind},
               {"title", finding.title},
               {"frames", finding.frames},
               {"repeat_command", finding.repeat_command},
               {"build_id", finding.build_id},
               {"violations", ViolationsToJson(finding.violations)}});
}

std::string FindingDetailJson(const Finding& finding) {
  return Dump(
      {{"counters", CountersToJson(finding.counters)}, {"events", EventsToJson(finding.events)}});
}

void ReadFindingSummaryJson(const std::string& text, Finding& finding) {
  const Json json = Json::parse(text);
  finding.tool = json.value("tool", "");
  finding.kind = json.value("kind", "");
  finding.title = json.value("title", "");
  finding.frames = json.value("frames", std::vector<std::string>());
  finding.repeat_command = json.value("repeat_command", "");
  finding.build_id = json.value("build_id", "");
  finding.violations = ViolationsFromJson(ArrayAt(json, "violations"));
}

void ReadFindingDetailJson(const std::string& text, Finding& finding) {
  const Json json = Json::parse(text);
  finding.counters = CountersFromJson(ArrayAt(json, "counters"));
  finding.events = EventsFromJson(ArrayAt(json, "events"));
}

std::string CountersJson(const std::vector<CounterValue>& counters) {
  return Dump(CountersToJson(counters));
}

std::vector<CounterValue> ReadCountersJson(const std::string& text) {
  return CountersFromJson(Json::parse(text));
}

}  // namespace stressd::store
