// ContainerTraffic: lists, dicts, tuples and instances that some write while others
// read them without a lock.
//
// Model.  Each worker owns a list that it alone grows, shrinks, overwrites and
//   clears; item i is a marked number whose low bits are i, so that every reader can
//   tell whether it was given what stood there. The value of key k in one of the
//   shared dicts says k in the same way, a slot of a shared instance its index; an
//   entry whose key is a list is somebody's own, for a moment. One of the dicts is
//   counted per thread: references to it are taken on one thread and dropped on
//   another. Cycles of a list, a tuple and a dict are left to the collector.
// Invariants.  TR-1, TR-2. A reader finds nothing but what was written there.
// Thread safety, fork.  traffic.h.

#ifndef STRESSD_HOST_SCENARIOS_CONTAINER_TRAFFIC_H_
#define STRESSD_HOST_SCENARIOS_CONTAINER_TRAFFIC_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/base/atomic.h"
#include "stressd/host/scenarios/traffic.h"

namespace stressd::host {

class ContainerTraffic final : public Traffic {
 public:
  explicit ContainerTraffic(size_t worker_count) : lists_(worker_count) {}

  absl::Status Create(ScenarioContext& context) override;
  absl::Status Operate(TrafficThread& thread) override;
  void DropAll(ScenarioContext& context) override;
  void Judge(ViolationList& out) override;

 private:
  static constexpr size_t kDictCount = 3;  // The first is counted per thread.
  static constexpr size_t kInstanceCount = 2;

  bool WriteList(rt::ThreadState& thread, rt::List* list, Prng& prng);
  void ReadList(rt::ThreadState& thread, Prng& prng);
  bool WriteDict(rt::ThreadState& thread, Prng& prng);
  void ReadDict(rt::ThreadState& thread, Prng& prng);
  void WalkDict(rt::ThreadState& thread, Prng& prng);
  bool UseOwnKey(rt::ThreadState& thread, Prng& prng);
  void CountDict(rt::ThreadState& thread, Prng& prng);
  bool WriteSlot(rt::ThreadState& thread, Prng& prng);
  void ReadSlot(rt::ThreadState& thread, Prng& prng);
  bool MakeCycle(rt::ThreadState& thread);
  // Drops `found`, which was read at `index`; null is nothing.
  void Inspect(rt::ThreadState& thread, rt::Object* found, int64_t index);

  std::vector<rt::List*> lists_;  // By worker.
  rt::Dict* dicts_[kDictCount] = {};
  rt::TypeObject* type_ = nullptr;
  rt::Instance* instances_[kInstanceCount] = {};
  rt::Atomic<int64_t> dict_references_{0};  // To the first dict, in nobody's hand.
  rt::Atomic<int64_t> wrong_items_{0};
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_CONTAINER_TRAFFIC_H_
