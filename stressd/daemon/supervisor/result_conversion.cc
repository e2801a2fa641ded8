#include "stressd/daemon/supervisor/result_conversion.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace stressd::supervisor {
namespace {

using protocol::Balance;

// A balance as names and numbers, without the references by type.
std::map<std::string, int64_t> ValuesOf(const Balance& balance) {
  std::map<std::string, int64_t> values;
  for (const protocol::HeapBalance& heap : balance.heaps()) {
    values[absl::StrCat("heap.", heap.heap(), ".blocks")] += heap.block_count();
    values[absl::StrCat("heap.", heap.heap(), ".bytes")] += heap.bytes();
  }
  values["qsbr_slots"] = balance.qsbr_slot_count();
  values["delayed_frees"] = balance.delayed_free_count();
  values["delayed_free_bytes"] = balance.delayed_free_bytes();
  values["queued_objects"] = balance.queued_object_count();
  values["thread_states"] = balance.thread_state_count();
  return values;
}

template <typename Map>
std::vector<runs::CounterValue> SortedValues(const Map& map) {
  const std::map<std::string, int64_t> sorted(map.begin(), map.end());
  std::vector<runs::CounterValue> values;
  for (const auto& [name, value] : sorted) values.push_back({name, value});
  return values;
}

runs::ParameterType ParameterTypeOf(absl::string_view name) {
  for (const runs::ParameterType type :
       {runs::ParameterType::kInt64, runs::ParameterType::kDouble, runs::ParameterType::kBool,
        runs::ParameterType::kDuration, runs::ParameterType::kChoice}) {
    if (runs::ParameterTypeName(type) == name) return type;
  }
  return runs::ParameterType::kUnspecified;
}

std::vector<runs::ReferenceTotal> ReferencesOf(const Balance& before, const Balance& after) {
  std::vector<runs::ReferenceTotal> references = {
      {"total", before.reference_total(), after.reference_total()}};
  std::map<std::string, std::pair<int64_t, int64_t>> types;
  for (const auto& [type, count] : before.type_references()) types[type].first = count;
  for (const auto& [type, count] : after.type_references()) types[type].second = count;
  for (const auto& [type, counts] : types) {
    references.push_back({type, counts.first, counts.second});
  }
  return references;
}

runs::ParameterCounts CountsOf(absl::string_view counts) {
  if (counts == "threads") return runs::ParameterCounts::kThreads;
  if (counts == "operations") return runs::ParameterCounts::kOperations;
  if (counts == "bytes") return runs::ParameterCounts::kBytes;
  return runs::ParameterCounts::kNothing;
}

}  // namespace

runs::RunOutcome OutcomeOfResult(const protocol::RunResult& result) {
  runs::RunOutcome outcome;
  for (const protocol::Violation& violation : result.violations()) {
    outcome.violations.push_back({violation.rule(), violation.message(), ""});
  }
  for (const protocol::PointCount& point : result.points()) {
    if (outcome.points.size() == runs::kPointCountMax) break;
    outcome.points.push_back({point.point(), point.pass_count()});
  }
  outcome.counters = SortedValues(result.counters());
  outcome.measurements = SortedValues(result.measurements());
  if (result.has_before() || result.has_after()) {
    outcome.references = ReferencesOf(result.before(), result.after());
    std::map<std::string, std::pair<int64_t, int64_t>> balance;
    for (const auto& [name, value] : ValuesOf(result.before())) balance[name].first = value;
    for (const auto& [name, value] : ValuesOf(result.after())) balance[name].second = value;
    for (const auto& [name, values] : balance) {
      outcome.balance.push_back({name, values.first, values.second});
    }
  }
  outcome.operation_count = result.operation_count();
  outcome.setup_duration = absl::Nanoseconds(result.set_up_ns());
  outcome.run_duration = absl::Nanoseconds(result.run_ns());
  outcome.check_duration = absl::Nanoseconds(result.check_ns());
  outcome.tear_down_duration = absl::Nanoseconds(result.tear_down_ns());
  outcome.start_latency = absl::Nanoseconds(result.start_latency_ns());
  return outcome;
}

runs::HostBalance BalanceOfSnapshot(const protocol::SnapshotResult& snapshot) {
  std::map<std::string, int64_t> values;
  std::map<std::string, int64_t> references;
  runs::HostBalance balance;
  for (const protocol::InterpreterSnapshot& interpreter : snapshot.interpreters()) {
    for (const auto& [name, value] : ValuesOf(interpreter.balance())) values[name] += value;
    for (const auto& [name, value] : interpreter.counters()) values[name] += value;
    for (const auto& [type, count] : interpreter.balance().type_references()) {
      references[type] += count;
    }
    balance.reference_total += interpreter.balance().reference_total();
  }
  values["interpreters"] = snapshot.interpreters_size();
  balance.values = SortedValues(values);
  balance.references = SortedValues(references);
  return balance;
}

std::vector<runs::ScenarioDescription> DescriptionsOf(const protocol::ScenarioList& list) {
  std::vector<runs::ScenarioDescription> scenarios;
  for (const protocol::ScenarioDescription& each : list.scenarios()) {
    runs::ScenarioDescription scenario;
    scenario.name = each.name();
    scenario.summary = each.summary();
    scenario.stresses = each.stresses();
    scenario.method = each.method();
    scenario.holds_if = each.holds_if();
    scenario.mechanisms.assign(each.mechanisms().begin(), each.mechanisms().end());
    scenario.is_canary = each.canary();
    scenario.fresh_only = each.fresh_only();
    for (const auto& [flavor, verdict] : each.caught()) {
      scenario.expected_verdicts[flavor] =
          runs::VerdictFromName(verdict).value_or(runs::Verdict::kUnspecified);
    }
    scenario.tolerates_allocation_failure = each.tolerates_allocation_failure();
    for (const protocol::ParameterDescription& declared : each.parameters()) {
      runs::ParameterDescription parameter;
      parameter.name = declared.name();
      parameter.type = ParameterTypeOf(declared.type());
      parameter.minimum = declared.minimum();
      parameter.maximum = declared.maximum();
      parameter.default_value = declared.default_value();
      parameter.documentation = declared.doc();
      parameter.counts = CountsOf(declared.counts());
      parameter.choices.assign(declared.choices().begin(), declared.choices().end());
      scenario.parameters.push_back(std::move(parameter));
    }
    for (const protocol::PresetDescription& preset : each.presets()) {
      scenario.presets[preset.name()] = {preset.parameters().begin(), preset.parameters().end()};
    }
    scenarios.push_back(std::move(scenario));
  }
  return scenarios;
}

}  // namespace stressd::supervisor
