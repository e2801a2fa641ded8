#include "stressd/explore/strategies/directed.h"

#include <stdio.h>

namespace explore {

void Directed::Begin(Exchange* exchange, uint64_t seed) {
  Strategy::Begin(exchange, seed);
  next_ = 0;
}

void Directed::Diverge(const char* reason) {
  Result& result = exchange_->result;
  if (result.divergence != 0) return;
  const Segment& segment = exchange_->requested_segments[next_];
  result.divergence = next_ + 1;
  snprintf(result.divergence_note, sizeof(result.divergence_note),
           "segment %u (agent %u up to operation %llu): %s", next_ + 1, segment.agent,
           static_cast<unsigned long long>(segment.until), reason);
}

uint32_t Directed::Choose(const ChoicePoint& point) {
  const uint32_t count = exchange_->request.segment_count;
  for (; next_ < count; ++next_) {
    const Segment& segment = exchange_->requested_segments[next_];
    const AgentView& view = point.views[segment.agent];
    // Who blocked in its last operation was let into it, not kept before it.
    const bool enters = segment.reason == SwitchReason::kBlocked &&
                        view.operations == segment.until && !view.waits && !view.ended;
    if (view.operations >= segment.until && !enters) {
      if (view.operations == segment.until && segment.pc != 0 && view.pending.pc != segment.pc &&
          !view.ended && segment.agent < kDrainAgent && segment.reason != SwitchReason::kEnded) {
        Diverge("the thread stopped before another instruction than recorded");
      }
      continue;
    }
    if (view.ended) {
      if (segment.until != kNoEnd) Diverge("the thread ended before it");
      continue;
    }
    for (uint32_t i = 0; i < point.count; ++i) {
      if (point.agents[i] == segment.agent) return segment.agent;
    }
    if (segment.until != kNoEnd) Diverge("the thread cannot act");
  }
  // Past the record: nobody is preempted.
  if (point.current >= 0 && !point.MustLeave()) return point.agents[point.current];
  for (uint32_t i = 0; i < point.count; ++i) {
    if (static_cast<int>(i) != point.current && point.agents[i] < kDrainAgent) {
      return point.agents[i];
    }
  }
  return point.agents[0];
}

uint32_t Directed::PickStore(uint32_t agent, uint64_t /*operations*/, uint32_t count) {
  if (next_ >= exchange_->request.segment_count) return 0;
  const Segment& segment = exchange_->requested_segments[next_];
  if (segment.agent != agent) return 0;
  if (segment.pick >= count) {
    Diverge("there are fewer stores to let go");
    return 0;
  }
  return segment.pick;
}

}  // namespace explore
