// ObjectTraffic: threads that make objects and pass them around; the work that
// the scenarios share.
//
// Model.  Places that every thread can reach: shared lists, shared instances,
//   and hand-over slots, through which a reference changes hands without being
//   counted. Each thread works through a Holder that lists the references it
//   holds. All places are plain memory of the process, so that whoever survives
//   the others (the parent of threads, the child of a fork, a finalizing
//   thread) can drop everything.
//   Objects have levels: numbers 0, inner lists 1, inner instances 2, the shared
//   lists and instances 3. An object only ever refers to lower ones, so there
//   are no cycles, and what is dropped dies.
// Invariants.  O1: at a safe point every reference of a thread is in its Holder
//   or in a shared place. O2: a number's value carries its own check digits: a
//   reader that finds others holds dead or foreign memory. O3: every instance's
//   finalizer runs exactly once.
// Thread safety.  Work(): any attached thread, each with its own Holder. Create(),
//   DropShared(), Judge(): one thread, while no other works.
// Fork.  Consistent in the child because of O1.

#ifndef STRESSD_HOST_SCENARIOS_OBJECT_TRAFFIC_H_
#define STRESSD_HOST_SCENARIOS_OBJECT_TRAFFIC_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "runtime/base/atomic.h"
#include "runtime/runtime.h"
#include "stressd/host/scenario/prng.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

class ObjectTraffic {
 public:
  struct Shape {
    int shared_list_count = 4;
    int shared_instance_count = 4;
    int slot_count = 16;  // Hand-over slots.
    // A thread drops something before it holds more; a shared list is emptied
    // before it grows beyond.
    int held_limit = 64;
    int list_limit = 256;
    // Of 1000 operations: how many hand a reference over, detach and attach,
    // stop the world.
    int hand_over_per_mille = 150;
    int detach_per_mille = 10;
    int stop_per_mille = 1;
  };

  // The references one thread holds. Work() and Drop() of one thread at a time.
  class Holder {
   public:
    size_t size() const { return held_.size(); }

   private:
    friend class ObjectTraffic;
    std::vector<rt::Object*> held_;
  };

  explicit ObjectTraffic(const Shape& shape);
  ObjectTraffic(const ObjectTraffic&) = delete;
  ObjectTraffic& operator=(const ObjectTraffic&) = delete;

  // Makes the types and the shared objects. Call DropShared() even after an
  // error (ResourceExhaustedError when memory runs out).
  absl::Status Create(rt::ThreadState& thread);

  // Makes a holder that lives as long as this object.
  Holder& NewHolder();
  // Returns the `index`th holder made.
  Holder& holder(size_t index) { return *holders_[index]; }

  // Does `operation_count` random operations, with a safe point among every few.
  // AbortedError if the thread state was shut down: it is not current any more,
  // and what it held stays in `holder`. ResourceExhaustedError when memory runs
  // out.
  absl::Status Work(rt::ThreadState& thread, Holder& holder, Prng& prng, int64_t operation_count);

  // Drops what `holder` holds, whoever put it there.
  void Drop(rt::ThreadState& thread, Holder& holder);
  // Drops what every holder holds.
  void DropHeld(rt::ThreadState& thread);
  // Drops the shared objects and the types.
  void DropShared(rt::ThreadState& thread);

  // Reports values that were wrong (O2) and finalizers that ran too often or,
  // everything having been dropped and merged, not at all (O3).
  void Judge(ViolationList& out) const;

  int64_t instances_made() const;
  int64_t finalizers_run() const;

 private:
  enum class Level { kNumber = 0, kList = 1, kInstance = 2 };

  static Level LevelOf(const rt::Object* object);
  static void CountFinalizer(rt::ObjectThread& thread, rt::Instance* instance, void* traffic);

  // One operation each. False when memory ran out.
  [[nodiscard]] bool MakeObject(rt::ThreadState& thread, Holder& holder, Prng& prng);
  [[nodiscard]] bool WriteShared(rt::ThreadState& thread, Holder& holder, Prng& prng);
  [[nodiscard]] bool WriteOwn(rt::ThreadState& thread, Holder& holder, Prng& prng);
  void ReadShared(rt::ThreadState& thread, Holder& holder, Prng& prng);
  void HandOver(rt::ThreadState& thread, Holder& holder, Prng& prng);
  void DropOne(rt::ThreadState& thread, Holder& holder, Prng& prng);

  rt::Object* MakeNumber(rt::ThreadState& thread, Prng& prng);
  rt::Object* MakeList(rt::ThreadState& thread, Holder& holder, Prng& prng);
  rt::Object* MakeInstance(rt::ThreadState& thread, Holder& holder, Prng& prng);
  // Returns a held object below `level`, borrowed, or null.
  static rt::Object* PickHeldBelow(const Holder& holder, Level level, Prng& prng);
  void Hold(rt::ThreadState& thread, Holder& holder, rt::Object* object);
  // Looks at an object that a reader was given (O2).
  void Inspect(const rt::Object* object);

  const Shape shape_;
  rt::TypeObject* type_ = nullptr;
  std::vector<rt::List*> lists_;
  std::vector<rt::Instance*> instances_;
  std::vector<rt::Atomic<rt::Object*>> slots_;
  std::vector<std::unique_ptr<Holder>> holders_;
  rt::Atomic<int64_t> instances_made_{0};
  rt::Atomic<int64_t> finalizers_run_{0};
  rt::Atomic<int64_t> wrong_values_{0};
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_OBJECT_TRAFFIC_H_
