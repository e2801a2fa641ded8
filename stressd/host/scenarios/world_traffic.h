// WorldTraffic: what concerns a whole interpreter: stops, collections, pending calls,
// readings of its counters, blocking calls.
//
// Model.  A thread stops its interpreter or the runtime, sometimes several times in a
//   row, and now and then checks every invariant meanwhile; collects, freezes and
//   unfreezes; posts pending calls; reads counters, reference totals and the state of
//   collection while others count; gives its thread state a local object; or is away
//   detached for a moment.
// Invariants.  TR-1, TR-2. Every accepted pending call runs exactly once, attached.
//   What is read is a value that was.
// Thread safety, fork.  traffic.h.

#ifndef STRESSD_HOST_SCENARIOS_WORLD_TRAFFIC_H_
#define STRESSD_HOST_SCENARIOS_WORLD_TRAFFIC_H_

#include <cstdint>

#include "runtime/base/atomic.h"
#include "stressd/host/scenarios/traffic.h"

namespace stressd::host {

class WorldTraffic final : public Traffic {
 public:
  absl::Status Operate(TrafficThread& thread) override;
  void DropAll(ScenarioContext& context) override;
  void Judge(ViolationList& out) override;

  // relaxed: a statistic, orders nothing.
  int64_t collections_count() const { return collections_.load(std::memory_order_relaxed); }

 private:
  absl::Status Stop(TrafficThread& thread);
  absl::Status CollectOnce(rt::ThreadState& thread);
  absl::Status FreezeOrThaw(rt::ThreadState& thread);
  void Post(TrafficThread& thread);
  void ReadAll(ScenarioContext& context);
  static absl::Status BeAway(TrafficThread& thread);

  ViolationList found_;
  rt::Atomic<uint32_t> frozen_{0};
  rt::Atomic<int64_t> collections_{0};
  rt::Atomic<int64_t> calls_posted_{0};
  rt::Atomic<int64_t> calls_run_{0};
  rt::Atomic<int64_t> calls_misplaced_{0};
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_WORLD_TRAFFIC_H_
