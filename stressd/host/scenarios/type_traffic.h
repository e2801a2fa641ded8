// TypeTraffic: heap types that come and go while threads make instances of them.
//
// Model.  Threads share places for types and for instances. They make types, make
//   instances of types that others made, take a type from an instance, and drop
//   what comes out of the places. Slot 0 of an instance names the tag of its type,
//   slot 1 may hold one older instance.
// Invariants.  TR-1, TR-2. An instance is of the type it was made of. The
//   instances made of the types of a tag are finalized exactly once each.
// Thread safety, fork.  traffic.h.

#ifndef STRESSD_HOST_SCENARIOS_TYPE_TRAFFIC_H_
#define STRESSD_HOST_SCENARIOS_TYPE_TRAFFIC_H_

#include <cstddef>
#include <cstdint>

#include "runtime/base/atomic.h"
#include "stressd/host/scenarios/object_places.h"
#include "stressd/host/scenarios/traffic.h"

namespace stressd::host {

class TypeTraffic final : public Traffic {
 public:
  // At most `burst` instances are made of a type at a time.
  TypeTraffic(size_t type_places, size_t instance_places, int64_t burst);

  absl::Status Operate(TrafficThread& thread) override {
    return WorkOnce(thread.state, thread.prng);
  }
  void DropAll(ScenarioContext& context) override;
  void Judge(ViolationList& out) override;

  absl::Status WorkOnce(rt::ThreadState& thread, Prng& prng);

  // Types that got a stat index of their own.
  int64_t indexed_count() const {
    // relaxed: a statistic, orders nothing.
    return indexed_.load(std::memory_order_relaxed);
  }

 private:
  // 32: types with different tags live at the same time.
  static constexpr size_t kTagCount = 32;

  // What the types with one tag have in common: their finalizer's context.
  struct Tag {
    TypeTraffic* traffic;
    rt::Atomic<int64_t> made{0};
    rt::Atomic<int64_t> finalized{0};
  };

  static void CountFinalizer(rt::ObjectThread& thread, rt::Instance* instance, void* context);

  absl::Status MakeType(rt::ThreadState& thread, Prng& prng);
  absl::Status MakeInstances(rt::ThreadState& thread, Prng& prng);
  absl::Status MakeInstance(rt::ThreadState& thread, rt::TypeObject* type, Prng& prng);
  // Makes a type's last instance give it back to the places.
  void TakeTypeOfInstance(rt::ThreadState& thread, Prng& prng);
  void Inspect(rt::ThreadState& thread, rt::Object* object);

  const int64_t burst_;
  ObjectPlaces types_;
  ObjectPlaces instances_;
  Tag tags_[kTagCount];
  rt::Atomic<int64_t> indexed_{0};
  rt::Atomic<int64_t> wrong_types_{0};
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_TYPE_TRAFFIC_H_
