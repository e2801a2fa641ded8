// The part of conversion.h that is about hosts and findings.
#include <cstdint>

#include "stressd/daemon/service/conversion.h"
#include "stressd/daemon/service/resource_name.h"

namespace stressd::service {
namespace {

v1::CounterSlot ToSlot(const runs::CounterSlot& slot) {
  v1::CounterSlot out;
  out.set_slot_index(slot.slot_index);
  out.set_owner(static_cast<v1::CounterSlot::Owner>(slot.kind));
  out.set_owner_id(static_cast<int64_t>(slot.owner_id));
  out.set_interpreter_id(static_cast<int64_t>(slot.interpreter_id));
  out.set_is_torn(slot.torn);
  ToCounters(slot.counters, *out.mutable_counters());
  ToCounters(slot.references, *out.mutable_references());
  int64_t total = 0;
  for (const runs::CounterValue& reference : slot.references) total += reference.value;
  out.set_reference_total(total);
  return out;
}

}  // namespace

v1::HostCounters ToHostCounters(const runs::HostSample& sample) {
  v1::HostCounters out;
  out.set_flavor(sample.flavor);
  out.set_host_kind(static_cast<v1::HostKind>(sample.kind));
  out.set_pid(sample.pid);
  out.set_build_id(sample.build_id);
  *out.mutable_sample_time() = ToTimestamp(sample.sample_time);
  *out.mutable_start_time() = ToTimestamp(sample.start_time);
  out.set_finished_run_count(sample.finished_run_count);
  out.set_replacement_count(sample.replacement_count);
  out.set_run(ResourceName("runs", sample.run_id));
  out.set_rss_bytes(sample.rss_bytes);
  if (sample.run_id != 0) *out.mutable_progress() = ToProgress(sample.progress);
  ToCounters(sample.counters, *out.mutable_counters());
  ToCounters(sample.references, *out.mutable_references());
  out.set_reference_total(sample.reference_total);
  for (const runs::CounterSlot& slot : sample.slots) *out.add_slots() = ToSlot(slot);
  return out;
}

v1::HostSummary ToHostSummary(const runs::HostSample& sample) {
  v1::HostSummary out;
  out.set_flavor(sample.flavor);
  out.set_host_kind(static_cast<v1::HostKind>(sample.kind));
  out.set_pid(sample.pid);
  out.set_run(ResourceName("runs", sample.run_id));
  out.set_rss_bytes(sample.rss_bytes);
  out.set_finished_run_count(sample.finished_run_count);
  out.set_replacement_count(sample.replacement_count);
  *out.mutable_start_time() = ToTimestamp(sample.start_time);
  return out;
}

v1::Balance ToBalance(const runs::HostBalance& balance) {
  v1::Balance out;
  out.set_flavor(balance.flavor);
  out.set_pid(balance.pid);
  ToCounters(balance.values, *out.mutable_values());
  ToCounters(balance.references, *out.mutable_references());
  out.set_reference_total(balance.reference_total);
  return out;
}

v1::Limits ToLimits(const runs::Limits& limits) {
  v1::Limits out;
  out.set_fresh_run_count_max(limits.fresh_run_count_max);
  out.set_queued_run_count_max(limits.queued_run_count_max);
  out.set_thread_count_max(limits.thread_count_max);
  out.set_operation_count_max(limits.operation_count_max);
  out.set_rss_bytes_max(limits.rss_bytes_max);
  *out.mutable_duration_max() = ToDuration(limits.duration_max);
  *out.mutable_time_limit_max() = ToDuration(limits.time_limit_max);
  *out.mutable_heartbeat_deadline() = ToDuration(limits.heartbeat_deadline);
  out.set_active_soak_count_max(limits.active_soak_count_max);
  out.set_page_size_max(limits.page_size_max);
  return out;
}

v1::Finding ToFinding(const findings::Finding& finding, bool with_texts) {
  v1::Finding out;
  out.set_name(ResourceName("findings", finding.id));
  out.set_fingerprint(finding.fingerprint);
  out.set_tool(finding.tool);
  out.set_kind(ValidUtf8(finding.kind));
  out.set_title(ValidUtf8(finding.title));
  out.set_verdict(static_cast<v1::Verdict>(finding.verdict));
  for (const std::string& frame : finding.frames) out.add_frames(ValidUtf8(frame));
  out.set_run_count(finding.run_count);
  *out.mutable_first_seen_time() = ToTimestamp(finding.first_seen_time);
  *out.mutable_last_seen_time() = ToTimestamp(finding.last_seen_time);
  out.set_first_run(ResourceName("runs", finding.first_run_id));
  out.set_last_run(ResourceName("runs", finding.last_run_id));
  for (const std::string& scenario : finding.scenarios) out.add_scenarios(scenario);
  for (const std::string& flavor : finding.flavors) out.add_flavors(flavor);
  out.set_repeat_command(finding.repeat_command);
  out.set_build_id(finding.build_id);
  for (const runs::Violation& violation : finding.violations) {
    *out.add_violations() = ToViolation(violation);
  }
  if (!with_texts) return out;
  ToCounters(finding.counters, *out.mutable_counters());
  for (const runs::RunEventRecord& event : finding.events) *out.add_events() = ToEvent(event);
  out.set_report(ValidUtf8(finding.report));
  return out;
}

}  // namespace stressd::service
