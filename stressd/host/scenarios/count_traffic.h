// CountTraffic: counts that owners and others change at once.
//
// Model.  Threads keep one reference to what they make and give another away
//   through shared places; they drop, count and explicitly merge what they share,
//   and block detached until others have dropped more. Numbers carry check digits
//   (marked_number.h); a tuple holds the same number twice; an instance holds a
//   number, of another thread where there is one.
// Invariants.  TR-1, TR-2. Every instance's finalizer runs exactly once.
// Thread safety, fork.  traffic.h.

#ifndef STRESSD_HOST_SCENARIOS_COUNT_TRAFFIC_H_
#define STRESSD_HOST_SCENARIOS_COUNT_TRAFFIC_H_

#include <cstddef>
#include <cstdint>

#include "runtime/base/atomic.h"
#include "stressd/host/scenarios/object_places.h"
#include "stressd/host/scenarios/traffic.h"

namespace stressd::host {

class CountTraffic final : public Traffic {
 public:
  // Of 1000 operations `block_per_mille` block.
  CountTraffic(size_t place_count, size_t held_limit, uint64_t block_per_mille)
      : held_limit_(held_limit), block_per_mille_(block_per_mille), places_(place_count) {}

  absl::Status Create(ScenarioContext& context) override;
  absl::Status Operate(TrafficThread& thread) override;
  void DropAll(ScenarioContext& context) override;
  void Judge(ViolationList& out) override;

  // Operate() that never blocks. False when memory ran out.
  [[nodiscard]] bool WorkOnce(rt::ThreadState& thread, Held& held, Prng& prng);
  // Is away, as in a call that blocks, while others queue for this thread.
  absl::Status Block(rt::ThreadState& thread);
  // Puts everything into places: the owner is about to leave.
  void GiveAway(rt::ThreadState& thread, Held& held, Prng& prng);

 private:
  bool MakeAndShare(rt::ThreadState& thread, Held& held, Prng& prng);
  rt::Object* Make(rt::ThreadState& thread, Prng& prng);
  void DropOne(rt::ThreadState& thread, Prng& prng);
  void CountUpAndDown(rt::ThreadState& thread, Prng& prng);
  static void MergeOne(rt::ThreadState& thread, Held& held, Prng& prng);
  void Put(rt::ThreadState& thread, Prng& prng, rt::Object* object);
  void NoteDrop();
  void Inspect(rt::Object* object);
  static void CountFinalizer(rt::ObjectThread& thread, rt::Instance* instance, void* traffic);

  const size_t held_limit_;
  const uint64_t block_per_mille_;
  ObjectPlaces places_;
  rt::TypeObject* type_ = nullptr;
  rt::Atomic<uint32_t> drops_{0};
  rt::Atomic<int64_t> instances_made_{0};
  rt::Atomic<int64_t> finalizers_run_{0};
  rt::Atomic<int64_t> wrong_values_{0};
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_COUNT_TRAFFIC_H_
