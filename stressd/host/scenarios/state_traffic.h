// StateTraffic: thread states made by one thread, bound, cleared and deleted by
// others.
//
// Model.  Threads share places for fresh and for used thread states. They make some
//   in bulk, attach one that somebody else made, share an object it owns, leave it
//   to others or end it themselves, clear and delete what they find, and read the
//   list of thread states. What a thread state keeps to its end may have an heir: a
//   finalizer that gives it something to keep again.
// Invariants.  TR-1, TR-2. After DropAll() the traffic has no thread state.
// Thread safety.  traffic.h. Fork.  In the child the thread states of the places are
//   gone: they are forgotten there.

#ifndef STRESSD_HOST_SCENARIOS_STATE_TRAFFIC_H_
#define STRESSD_HOST_SCENARIOS_STATE_TRAFFIC_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/base/atomic.h"
#include "stressd/host/scenarios/object_places.h"
#include "stressd/host/scenarios/traffic.h"

namespace stressd::host {

class StateTraffic final : public Traffic {
 public:
  // At most `bulk` thread states are made at a time; as many places for fresh ones as
  // for used ones.
  StateTraffic(size_t place_count, int64_t bulk)
      : bulk_(bulk), fresh_(place_count), used_(place_count) {}

  absl::Status Create(ScenarioContext& context) override;
  absl::Status Operate(TrafficThread& thread) override {
    return WorkOnce(thread.context, thread.state, thread.prng);
  }
  void DropAll(ScenarioContext& context) override;
  void DropAllInChild(ScenarioContext& context) override;
  void Judge(ViolationList& out) override { out.Append(found_); }

  absl::Status WorkOnce(ScenarioContext& context, rt::ThreadState& own, Prng& prng);

  // Leaves `thread`, detached and not the caller's any more, to be cleared by another
  // thread; `own` is attached.
  void LeaveBehind(rt::ThreadState& own, rt::ThreadState& thread, Prng& prng) {
    Delete(own, Swap(used_, prng.Next(), &thread));
  }

  // relaxed, all: statistics, they order nothing.
  int64_t made_count() const { return made_.load(std::memory_order_relaxed); }
  int64_t bound_count() const { return bound_.load(std::memory_order_relaxed); }
  int64_t never_bound_count() const { return never_bound_.load(std::memory_order_relaxed); }

 private:
  using Places = std::vector<rt::Atomic<rt::ThreadState*>>;

  static rt::ThreadState* Swap(Places& places, uint64_t index, rt::ThreadState* thread);
  // Clears and deletes `victim`, which nobody else has; null is ignored.
  static void Delete(rt::ThreadState& own, rt::ThreadState* victim);

  absl::Status MakeBulk(ScenarioContext& context, rt::ThreadState& own, Prng& prng);
  // Binds a thread state that another thread made, and uses it.
  absl::Status Bind(rt::ThreadState& own, Prng& prng);
  // A finalizer: hands the thread state that runs it a list.
  static void LeaveHeir(rt::ObjectThread& thread, rt::Instance* instance, void* context);
  void DropType(rt::ThreadState& main);
  // Makes an object that outlives the thread state, and one that does not.
  absl::Status Use(rt::ThreadState& thread, Prng& prng);
  void ReadList(ScenarioContext& context);

  const int64_t bulk_;
  Places fresh_;
  Places used_;
  ObjectPlaces objects_{64};
  rt::TypeObject* testator_type_ = nullptr;
  ViolationList found_;
  rt::Atomic<int64_t> made_{0};
  rt::Atomic<int64_t> bound_{0};
  rt::Atomic<int64_t> never_bound_{0};
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_STATE_TRAFFIC_H_
