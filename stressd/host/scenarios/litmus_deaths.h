// LitmusDeaths: the objects of a stride whose deaths are watched.
//
// Model.  Every state has a type of its own whose finalizer notes how often it ran,
//   on whose behalf and when. So an object's death costs no more than its finalizer.
// Thread safety.  New(), Reset(): the owner. The notes: any thread; read when no other
//   party strikes. Fork.  Plain memory.

#ifndef STRESSD_HOST_SCENARIOS_LITMUS_DEATHS_H_
#define STRESSD_HOST_SCENARIOS_LITMUS_DEATHS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "runtime/base/atomic.h"
#include "runtime/runtime.h"
#include "stressd/host/scenarios/litmus_scenario.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {

class LitmusDeaths {
 public:
  // Makes the types. Drop() even after an error.
  absl::Status Create(rt::ThreadState& thread, bool weakly_referable = false) {
    for (size_t i = 0; i < notes_.size(); ++i) {
      types_[i] = rt::TypeNew(thread, {.name = "Struck",
                                       .slot_count = 1,
                                       .finalizer = &Note,
                                       .finalizer_context = &notes_[i],
                                       .weakly_referable = weakly_referable});
      if (types_[i] == nullptr) return NoMemory();
    }
    return absl::OkStatus();
  }

  void Drop(rt::ThreadState& thread) {
    for (rt::TypeObject*& type : types_) {
      if (type != nullptr) rt::Decref(thread, rt::AsObject(type));
      type = nullptr;
    }
  }

  // A new reference to the object of `state`, or null. Forgets what was noted.
  [[nodiscard]] rt::Object* New(rt::ThreadState& thread, size_t state) {
    // relaxed, both: the parties are at the barrier.
    notes_[state].count.store(0, std::memory_order_relaxed);
    notes_[state].owner_id.store(0, std::memory_order_relaxed);
    rt::Instance* const instance = rt::InstanceNew(thread, types_[state]);
    return instance == nullptr ? nullptr : rt::AsObject(instance);
  }

  // How often the finalizer of `state` ran, and on which thread state last.
  // relaxed, both: the parties have struck.
  int64_t count(size_t state) const { return notes_[state].count.load(std::memory_order_relaxed); }
  uint64_t owner_id(size_t state) const {
    return notes_[state].owner_id.load(std::memory_order_relaxed);
  }

 private:
  struct Notes {
    rt::Atomic<int64_t> count{0};
    rt::Atomic<uint64_t> owner_id{0};
  };

  static void Note(rt::ObjectThread& thread, rt::Instance*, void* context) {
    Notes& notes = *static_cast<Notes*>(context);
    // relaxed, both: judged after the barrier.
    notes.count.fetch_add(1, std::memory_order_relaxed);
    notes.owner_id.store(thread.owner_id, std::memory_order_relaxed);
  }

  std::array<rt::TypeObject*, LitmusScenario::kStrideStates> types_ = {};
  std::array<Notes, LitmusScenario::kStrideStates> notes_;
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_LITMUS_DEATHS_H_
