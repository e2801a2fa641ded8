#include "stressd/daemon/supervisor/host_sampler.h"

#include <array>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace stressd::supervisor {
namespace {

using protocol::BlackBoxView;

// Names where the box has one, else "PREFIX_INDEX".
template <size_t kCount>
std::vector<runs::CounterValue> Named(const std::array<int64_t, kCount>& values,
                                      const std::array<std::string, kCount>& names,
                                      const char* prefix) {
  std::vector<runs::CounterValue> named;
  for (size_t i = 0; i < kCount; ++i) {
    if (values[i] == 0) continue;
    named.push_back({names[i].empty() ? absl::StrCat(prefix, "_", i) : names[i], values[i]});
  }
  return named;
}

runs::CounterSlot::Kind KindOf(protocol::SlotUse use) {
  switch (use) {
    case protocol::SlotUse::kFree:
      return runs::CounterSlot::Kind::kUnspecified;
    case protocol::SlotUse::kThread:
      return runs::CounterSlot::Kind::kThread;
    case protocol::SlotUse::kInterpreter:
      return runs::CounterSlot::Kind::kInterpreter;
  }
  return runs::CounterSlot::Kind::kUnspecified;
}

const char* EventName(protocol::EventKind kind) {
  switch (kind) {
    case protocol::EventKind::kNone:
      return "none";
    case protocol::EventKind::kPhase:
      return "phase";
    case protocol::EventKind::kWorkerStart:
      return "worker_start";
    case protocol::EventKind::kWorkerEnd:
      return "worker_end";
  }
  return "unknown";
}

}  // namespace

const char* PhaseName(protocol::RunPhase phase) {
  switch (phase) {
    case protocol::RunPhase::kIdle:
      return "";
    case protocol::RunPhase::kSetUp:
      return "set up";
    case protocol::RunPhase::kRun:
      return "run";
    case protocol::RunPhase::kQuiesce:
      return "quiesce";
    case protocol::RunPhase::kCheck:
      return "check";
    case protocol::RunPhase::kTearDown:
      return "tear down";
  }
  return "";
}

runs::RunProgress SampleProgress(const BlackBoxView& view) {
  const protocol::RunView run = view.run();
  runs::RunProgress progress;
  progress.phase = PhaseName(run.phase);
  progress.operation_count = run.operation_count;
  progress.heartbeat_count = run.heartbeat_count;
  for (const protocol::CounterView& slot : view.Counters()) {
    if (slot.use == protocol::SlotUse::kThread) ++progress.thread_count;
  }
  return progress;
}

void SampleCounters(const BlackBoxView& view, runs::HostSample& sample) {
  std::array<std::string, protocol::kCounterCount> counter_names;
  std::array<std::string, protocol::kTypeCount> type_names;
  for (size_t i = 0; i < counter_names.size(); ++i) counter_names[i] = view.counter_name(i);
  for (size_t i = 0; i < type_names.size(); ++i) type_names[i] = view.type_name(i);
  std::array<int64_t, protocol::kCounterCount> counters = {};
  std::array<int64_t, protocol::kTypeCount> references = {};
  int64_t slot_index = 0;
  int64_t thread_count = 0;
  for (const protocol::CounterView& slot : view.Counters()) {
    runs::CounterSlot entry;
    entry.kind = KindOf(slot.use);
    entry.slot_index = slot_index++;
    entry.owner_id = slot.owner_id;
    entry.interpreter_id = slot.interpreter_id;
    entry.torn = slot.torn;
    entry.counters = Named(slot.counters, counter_names, "counter");
    entry.references = Named(slot.type_references, type_names, "type");
    if (slot.use == protocol::SlotUse::kThread) ++thread_count;
    // Unsigned: a mad host's numbers may overflow, which must not be our end.
    for (size_t i = 0; i < counters.size(); ++i) {
      counters[i] = static_cast<int64_t>(static_cast<uint64_t>(counters[i]) +
                                         static_cast<uint64_t>(slot.counters[i]));
    }
    for (size_t i = 0; i < references.size(); ++i) {
      references[i] = static_cast<int64_t>(static_cast<uint64_t>(references[i]) +
                                           static_cast<uint64_t>(slot.type_references[i]));
    }
    sample.slots.push_back(std::move(entry));
  }
  const protocol::RunView run = view.run();
  sample.run_id = run.phase == protocol::RunPhase::kIdle ? 0 : run.run_id;
  sample.progress.phase = PhaseName(run.phase);
  sample.progress.operation_count = run.operation_count;
  sample.progress.heartbeat_count = run.heartbeat_count;
  sample.progress.thread_count = thread_count;
  sample.counters = Named(counters, counter_names, "counter");
  sample.references = Named(references, type_names, "type");
  uint64_t total = 0;
  for (const int64_t value : references) total += static_cast<uint64_t>(value);
  sample.reference_total = static_cast<int64_t>(total);
}

std::vector<runs::RunEventRecord> SampleEvents(const BlackBoxView& view) {
  // The store keeps them; the last ones tell the most.
  constexpr size_t kEventCountMax = 200;
  const std::vector<protocol::EventView> events = view.Events();
  std::vector<runs::RunEventRecord> records;
  const size_t first = events.size() > kEventCountMax ? events.size() - kEventCountMax : 0;
  for (size_t i = first; i < events.size(); ++i) {
    const protocol::EventView& event = events[i];
    if (event.torn) continue;
    records.push_back(
        {event.ring_index, event.number, EventName(event.kind), event.time_ns, event.argument});
  }
  return records;
}

}  // namespace stressd::supervisor
