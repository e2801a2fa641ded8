// The trace of one schedule, and what can be read off it: the pair of accesses
// whose order decides, a timeline, and a listing.
//
// Thread safety.  One thread.
#ifndef STRESSD_EXPLORE_DRIVER_TRACE_H_
#define STRESSD_EXPLORE_DRIVER_TRACE_H_

#include <optional>
#include <string>
#include <vector>

#include "stressd/explore/driver/symbolizer.h"
#include "stressd/explore/driver/target.h"

namespace explore {

struct Trace {
  std::vector<Event> events;
  std::vector<StackNode> nodes;
  uint32_t dropped = 0;

  // Of the schedule that `target` has just run with Request::trace.
  static Trace Take(Target& target);
  // Return addresses, innermost first.
  std::vector<uint64_t> Stack(const Event& event) const;
};

// Two accesses to the same memory by different threads, of which one changes it.
struct CriticalPair {
  size_t first = 0;  // Position in Trace::events.
  size_t second = 0;
};

// The pair that the last preemptions keep apart: an access of a preempted
// thread (where there is none, of one that blocked or yielded), and the
// conflicting one another thread made meanwhile. Nothing if no
// preempted thread met a conflict.
std::optional<CriticalPair> FindCriticalPair(const Trace& trace,
                                             const std::vector<Segment>& segments);

const char* EventKindName(uint8_t kind);
std::string AgentName(uint32_t agent);

// The trace as Chrome trace-event JSON: one microsecond per operation.
std::string Timeline(const Trace& trace, Symbolizer& symbolizer);

}  // namespace explore

#endif  // STRESSD_EXPLORE_DRIVER_TRACE_H_
