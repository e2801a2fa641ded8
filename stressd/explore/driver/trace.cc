#include "stressd/explore/driver/trace.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "stressd/explore/operation.h"

namespace explore {
namespace {

Operation OperationOf(const Event& event) {
  Operation operation;
  operation.kind = static_cast<OperationKind>(event.kind);
  operation.size_bytes = event.size_bytes;
  operation.address = event.address;
  return operation;
}

// The positions of each agent's events: its n-th operation is [n - 1].
std::vector<std::vector<size_t>> ByAgent(const Trace& trace) {
  std::vector<std::vector<size_t>> result(kAgentCount);
  for (size_t i = 0; i < trace.events.size(); ++i) result[trace.events[i].agent].push_back(i);
  return result;
}

// What the segment's thread touched before it was stopped, and another thread changed before
// it went on.
std::optional<CriticalPair> ChangedMeanwhile(const Trace& trace,
                                             const std::vector<std::vector<size_t>>& by_agent,
                                             const Segment& segment) {
  const std::vector<size_t>& mine = by_agent[segment.agent];
  // A thread's first operation, its start, is counted but not traced.
  const uint64_t offset = segment.agent == 0 ? 0 : 1;
  if (segment.until <= offset || segment.until - offset > mine.size()) return std::nullopt;
  const size_t stopped_before = segment.until - offset - 1;
  const size_t resumes = mine[stopped_before];
  const size_t end =
      stopped_before + 1 < mine.size() ? mine[stopped_before + 1] : trace.events.size();
  for (size_t back = stopped_before + 1; back-- > 0;) {
    const Event& own = trace.events[mine[back]];
    const auto kind = static_cast<OperationKind>(own.kind);
    if (!IsAccess(kind) && kind != OperationKind::kLock) continue;
    for (size_t other = resumes + 1; other < end; ++other) {
      const Event& event = trace.events[other];
      if (event.agent == segment.agent || event.agent == kDrainAgent + segment.agent) continue;
      if (!Conflict(OperationOf(own), OperationOf(event))) continue;
      return back == stopped_before ? CriticalPair{other, mine[back]}
                                    : CriticalPair{mine[back], other};
    }
    if (stopped_before - back > 16) break;
  }
  return std::nullopt;
}

}  // namespace

Trace Trace::Take(Target& target) {
  Trace trace;
  const Exchange& exchange = target.exchange();
  trace.events.assign(exchange.events, exchange.events + exchange.result.event_count);
  uint32_t nodes = 1;
  for (const Event& event : trace.events) nodes = std::max(nodes, event.stack + 1);
  trace.nodes.assign(exchange.stack_nodes, exchange.stack_nodes + nodes);
  trace.dropped = exchange.result.dropped;
  return trace;
}

std::vector<uint64_t> Trace::Stack(const Event& event) const {
  std::vector<uint64_t> frames = {event.pc};
  for (uint32_t node = event.stack; node != 0 && frames.size() < kMaxFrames;
       node = nodes[node].parent) {
    frames.push_back(nodes[node].pc);
  }
  return frames;
}

std::optional<CriticalPair> FindCriticalPair(const Trace& trace,
                                             const std::vector<Segment>& segments) {
  const auto by_agent = ByAgent(trace);
  // Who was stopped against its will comes first; a schedule without such a one has only
  // those who waited, or let others go on.
  for (const bool unwilling : {true, false}) {
    // From the last switch backwards.
    for (size_t s = segments.size(); s-- > 0;) {
      const Segment& segment = segments[s];
      if (segment.agent >= kDrainAgent || segment.reason == SwitchReason::kEnded) continue;
      const bool stopped =
          segment.reason == SwitchReason::kPreempted || segment.reason == SwitchReason::kDrained;
      if (stopped != unwilling) continue;
      const std::optional<CriticalPair> pair = ChangedMeanwhile(trace, by_agent, segment);
      if (pair.has_value()) return pair;
    }
  }
  return std::nullopt;
}

const char* EventKindName(uint8_t kind) {
  static constexpr const char* kNames[] = {
      "start", "read",  "write",  "atomic load", "atomic store", "atomic update",
      "fence", "lock",  "unlock", "wait",        "signal",       "create",
      "join",  "yield", "sleep",  "end",         "drain"};
  return kind < sizeof(kNames) / sizeof(kNames[0]) ? kNames[kind] : "?";
}

std::string AgentName(uint32_t agent) {
  if (agent == 0) return "main";
  if (agent < kDrainAgent) return "thread " + std::to_string(agent);
  return "store buffer " + std::to_string(agent - kDrainAgent);
}

std::string Timeline(const Trace& trace, Symbolizer& symbolizer) {
  std::vector<uint64_t> addresses;
  for (const Event& event : trace.events) addresses.push_back(event.pc);
  symbolizer.Prefetch(addresses);
  nlohmann::json events = nlohmann::json::array();
  std::vector<bool> named(kAgentCount, false);
  for (size_t i = 0; i < trace.events.size(); ++i) {
    const Event& event = trace.events[i];
    if (!named[event.agent]) {
      named[event.agent] = true;
      events.push_back({{"name", "thread_name"},
                        {"ph", "M"},
                        {"pid", 1},
                        {"tid", event.agent},
                        {"args", {{"name", AgentName(event.agent)}}}});
    }
    char address[32];
    snprintf(address, sizeof(address), "0x%llx", static_cast<unsigned long long>(event.address));
    events.push_back({{"name", EventKindName(event.kind)},
                      {"ph", "X"},
                      {"ts", i},
                      {"dur", 1},
                      {"pid", 1},
                      {"tid", event.agent},
                      {"args",
                       {{"at", event.pc == 0 ? "" : symbolizer.Describe(event.pc)},
                        {"address", address},
                        {"bytes", event.size_bytes}}}});
  }
  return nlohmann::json{{"traceEvents", events}, {"displayTimeUnit", "ns"}}.dump(1);
}

}  // namespace explore
