// DoomedTraffic: interpreters of the run's runtime that are finalized while threads
// work in them, enter them or are late.
//
// Model.  A few houses, each an interpreter whose objects belong to its thread states
//   (doomed_interpreter.h). A visitor leases one, makes a thread state there, works,
//   and leaves by itself or leaves its thread state behind, detached. Who strikes takes
//   a house out of its place and finalizes it, whoever is inside; visitors find
//   themselves shut down, late ones get no thread state. The end destroys the houses.
// Invariants.  Each thread state is released exactly once. A finalized interpreter has
//   nothing left, and the finalizer of each of its instances ran once.
// Thread safety.  traffic.h. Fork.  In the child the houses are left alone.

#ifndef STRESSD_HOST_SCENARIOS_DOOMED_TRAFFIC_H_
#define STRESSD_HOST_SCENARIOS_DOOMED_TRAFFIC_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/base/atomic.h"
#include "stressd/host/scenarios/doomed_interpreter.h"
#include "stressd/host/scenarios/traffic.h"

namespace stressd::host {

class DoomedTraffic final : public Traffic {
 public:
  explicit DoomedTraffic(size_t house_count) : places_(house_count) {}

  absl::Status Operate(TrafficThread& thread) override;
  void DropAll(ScenarioContext& context) override;
  void DropAllInChild(ScenarioContext&) override {}
  void Judge(ViolationList& out) override { out.Append(found_); }

  // relaxed, both: statistics, they order nothing.
  int64_t struck_count() const { return struck_.load(std::memory_order_relaxed); }
  int64_t shut_down_count() const { return shut_down_.load(std::memory_order_relaxed); }

 private:
  struct House {
    rt::Interpreter* interpreter = nullptr;
    uint64_t id = 0;
    DoomedInterpreter doomed;
    std::mutex mutex;                    // Guards `left`; a leaf.
    std::vector<rt::ThreadState*> left;  // To be released once it is destroyed.
  };

  absl::Status Build(ScenarioContext& context, rt::Atomic<House*>& place);
  void Visit(rt::Runtime& runtime, House& house, Prng& prng);
  void Stay(House& house, rt::ThreadState& thread, Prng& prng);
  void Strike(rt::Atomic<House*>& place);

  std::vector<rt::Atomic<House*>> places_;
  std::mutex mutex_;  // Guards `houses_`; a leaf.
  std::vector<std::unique_ptr<House>> houses_;
  ViolationList found_;
  rt::Atomic<int64_t> struck_{0};
  rt::Atomic<int64_t> shut_down_{0};
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_DOOMED_TRAFFIC_H_
