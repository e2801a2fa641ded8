// Marking: tells, in a stopped world, which objects of a set can be reached from
// outside of it.
//
// Model.  The count of an object less the references that members of the set hold
// to it is the number of references from outside. So: every member's references
// are subtracted from the counts of the members they lead to; what is left with a
// positive count is a root; and from the roots on, each member that is reached is
// traversed once more and gives back what it has subtracted. Members that were not
// reached give back theirs in Restore(). The counts are their own scratch memory:
// the subtraction is done in `shared` (four a reference, so no flag bit changes),
// no field is borrowed, and after Restore() every header is what it was, bit for
// bit, but for the marks.
//   If memory for the stack of reached objects runs out, an object is marked
// pending instead, and the set is walked again until none is left.
// Invariants.  M-1: between Subtract() and the end of Restore() the counts are not
// the truth, and nobody but the marking looks. M-2: each member is traversed
// exactly twice, so Restore() adds what Subtract() took.
// Thread safety.  The thread that stopped the world. Allocates raw memory only.
// Source.  CPython Python/gc_free_threading.c, Modules/gcmodule.c of old. Differs:
// no gc_refs word (CPython keeps it in ob_tid, and restores that from the page).

#ifndef RUNTIME_GC_MARKING_H_
#define RUNTIME_GC_MARKING_H_

#include <cstdint>

#include "runtime/gc/heap_walk.h"
#include "runtime/gc/mark_stack.h"
#include "runtime/gc/traverse.h"
#include "runtime/object/object.h"
#include "runtime/object/reference_count.h"

namespace rt {

// `Members` says which objects are in the set:
//   static bool IsMember(uint8_t gc_bits);
//   static constexpr int64_t kOwnReferences;  // That the collector holds to each.
//   static constexpr uint8_t kStaleBits;      // That mean nothing yet.
//   template <typename Visit> void ForEach(Visit visit);  // Visits every member.
template <typename Members>
class Marking {
 public:
  explicit Marking(Members& members) : members_(members) {}
  Marking(const Marking&) = delete;
  Marking& operator=(const Marking&) = delete;

  // Takes the members' references to each other out of the counts.
  void Subtract() {
    members_.ForEach([this](Object* object) {
      object->gc_bits &= static_cast<uint8_t>(~Members::kStaleBits);
      ++member_count_;
      TraverseReferences(object, [](Object* to) {
        if (Members::IsMember(to->gc_bits)) AddToShared(to, -kSharedOne);
      });
    });
  }

  // Marks what can be reached from outside, and restores what that holds.
  void MarkReached() {
    members_.ForEach([this](Object* object) {
      if ((object->gc_bits & kGcReached) != 0) return;
      if (TrueCount(object) <= Members::kOwnReferences) return;
      Reach(object);
      Drain();
    });
    while (overflowed_) {
      overflowed_ = false;
      ++overflow_count_;
      members_.ForEach([this](Object* object) {
        if ((object->gc_bits & kGcPending) == 0) return;
        object->gc_bits &= static_cast<uint8_t>(~kGcPending);
        Expand(object);
        Drain();
      });
    }
  }

  // Restores what the members hold that were not reached, after calling
  // `unreached` for each of them.
  template <typename Unreached>
  void Restore(Unreached unreached) {
    if (reached_count_ == member_count_) return;
    members_.ForEach([&unreached](Object* object) {
      if ((object->gc_bits & kGcReached) != 0) return;
      unreached(object);
      TraverseReferences(object, [](Object* to) {
        if (Members::IsMember(to->gc_bits)) AddToShared(to, kSharedOne);
      });
    });
  }

  int64_t member_count() const { return member_count_; }
  int64_t reached_count() const { return reached_count_; }
  int64_t unreached_count() const { return member_count_ - reached_count_; }
  // How often the set had to be walked for want of memory.
  int64_t overflow_count() const { return overflow_count_; }

 private:
  static void AddToShared(Object* object, int64_t amount) {
    // relaxed, both: the world is stopped.
    object->shared.store(object->shared.load(std::memory_order_relaxed) + amount,
                         std::memory_order_relaxed);
  }

  void Reach(Object* object) {
    object->gc_bits |= kGcReached;
    ++reached_count_;
    if (HoldsNothing(object)) return;
    if (stack_.Push(object)) return;
    object->gc_bits |= kGcPending;
    overflowed_ = true;
  }

  void Expand(Object* object) {
    TraverseReferences(object, [this](Object* to) {
      if (!Members::IsMember(to->gc_bits)) return;
      AddToShared(to, kSharedOne);
      if ((to->gc_bits & kGcReached) == 0) Reach(to);
    });
  }

  void Drain() {
    while (Object* const object = stack_.Pop()) Expand(object);
  }

  Members& members_;
  MarkStack stack_;
  bool overflowed_ = false;
  int64_t member_count_ = 0;
  int64_t reached_count_ = 0;
  int64_t overflow_count_ = 0;
};

}  // namespace rt

#endif  // RUNTIME_GC_MARKING_H_
