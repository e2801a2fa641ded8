#include "runtime/gc/collector.h"

#include "runtime/base/check.h"
#include "runtime/gc/marking.h"
#include "runtime/object/destroy.h"
#include "runtime/object/instance.h"
#include "runtime/object/merge_queue.h"
#include "runtime/object/per_thread_count.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/tracking.h"
#include "runtime/object/type.h"
#include "runtime/object/weak_reference.h"
#include "runtime/qsbr/qsbr.h"

namespace rt {
namespace {

// 64: destructors between two safe points; some microseconds.
constexpr int64_t kObjectsPerSafePoint = 64;

// The objects that a collection looks at: tracked and not frozen.
class CollectableObjects {
 public:
  static constexpr int64_t kOwnReferences = 0;
  // The last one may belong to a collection that was taken over.
  static constexpr uint8_t kStaleBits = kGcReached | kGcPending | kGcCandidate;
  static bool IsMember(uint8_t gc_bits) {
    return (gc_bits & (kGcTracked | kGcFrozen)) == kGcTracked;
  }

  CollectableObjects(ObjectSpace& space, const ThreadSource& threads)
      : space_(space), threads_(threads) {}

  template <typename Visit>
  void ForEach(Visit visit) {
    int64_t frozen_count = 0;
    WalkTracked(space_, threads_, [&visit, &frozen_count](Object* object) {
      if ((object->gc_bits & kGcFrozen) == 0) {
        visit(object);
      } else {
        ++frozen_count;
      }
    });
    frozen_count_ = frozen_count;
  }

  int64_t frozen_count() const { return frozen_count_; }

 private:
  ObjectSpace& space_;
  const ThreadSource threads_;
  int64_t frozen_count_ = 0;
};

// Those that it found unreachable; it holds a reference to each.
class Candidates {
 public:
  static constexpr int64_t kOwnReferences = 1;
  static constexpr uint8_t kStaleBits = kGcReached | kGcPending;
  static bool IsMember(uint8_t gc_bits) { return (gc_bits & kGcCandidate) != 0; }

  explicit Candidates(const CandidateList& list) : list_(list) {}

  template <typename Visit>
  void ForEach(Visit visit) {
    for (int64_t i = 0; i < list_.count(); ++i) visit(list_.at(i));
  }

 private:
  const CandidateList& list_;
};

// A scope in which, as in a destructor, no safe point may be reached (T5 of
// state/) and no collection begins (GC-2).
class DestructorScope {
 public:
  explicit DestructorScope(ObjectThread& thread) : thread_(thread) { ++thread_.destroy_depth; }
  ~DestructorScope() {
    if (--thread_.destroy_depth == 0) DrainTrashcan(thread_);
  }
  DestructorScope(const DestructorScope&) = delete;
  DestructorScope& operator=(const DestructorScope&) = delete;

 private:
  ObjectThread& thread_;
};

bool HasWeakReferences(Object* object) {
  // relaxed: the world is stopped.
  return object->type->prefix_bytes != 0 &&
         PrefixOf(object)->first.load(std::memory_order_relaxed) != nullptr;
}

bool AwaitsFinalizer(const Object* object) {
  // relaxed: the world is stopped.
  return object->type->finalizer != nullptr &&
         (object->flags.load(std::memory_order_relaxed) & kFlagFinalized) == 0;
}

}  // namespace

Collector::Collector(ObjectSpace& space, const CollectorHooks& hooks)
    : space_(space), hooks_(hooks) {
  RT_CHECK(hooks.stop != nullptr && hooks.start != nullptr && hooks.safe_point != nullptr &&
               hooks.has_stopped != nullptr && hooks.lock != nullptr && hooks.unlock != nullptr &&
               hooks.next_thread != nullptr,
           "GC-1", "a collector without its hooks");
}

Collector::~Collector() {
  RT_CHECK(candidates_.left_count() == 0 && callbacks_ == nullptr, "GC-1",
           "a collection is under way");
}

CollectStatus Collector::Claim(ObjectThread& caller) {
  if (caller.destroy_depth != 0) return CollectStatus::kInDestructor;
  if (hooks_.has_stopped(hooks_.context, caller)) return CollectStatus::kWorldStopped;
  // (C1) acq_rel exchange, synchronizes with the release (C2) in Release(): the
  //      fields of the collection before ours are settled.
  if (space_.collection.collecting.exchange(true, std::memory_order_acq_rel)) {
    return CollectStatus::kBusy;
  }
  return CollectStatus::kDone;
}

void Collector::Release() {
  // (C2) release store, synchronizes with the acquire (C1) in Claim().
  space_.collection.collecting.store(false, std::memory_order_release);
}

template <typename Visit>
void Collector::ForEachThread(Visit visit) {
  for (ObjectThread* thread = hooks_.next_thread(hooks_.context, nullptr); thread != nullptr;
       thread = hooks_.next_thread(hooks_.context, thread)) {
    visit(*thread);
  }
}

CollectResult Collector::Collect(ObjectThread& caller) {
  CollectResult result;
  result.status = Claim(caller);
  if (result.status != CollectStatus::kDone) return result;
  const auto shut_down = [&result] {
    result.status = CollectStatus::kShutDown;
    return result;
  };
  if (!hooks_.stop(hooks_.context, caller)) return shut_down();
  FindInPause(caller, &result);
  const bool second_pause = finalizers_left_ || callbacks_ != nullptr;
  if (!second_pause) DecideInPause(caller);
  hooks_.start(hooks_.context, caller);
  DrainTrashcan(caller);
  if (second_pause) {
    if (!CallBack(caller, &result) || !Finalize(caller, &result)) return shut_down();
    if (!hooks_.stop(hooks_.context, caller)) return shut_down();
    SeparateInPause(caller, &result);
    hooks_.start(hooks_.context, caller);
    DrainTrashcan(caller);
    // Of weak references that finalizers have made.
    if (!CallBack(caller, &result)) return shut_down();
  }
  result.collected_count = candidates_.count();
  if (!DeleteGarbage(caller)) return shut_down();
  candidates_.Free();
  caller.delayed_free.Process();
  caller.counters->Add(Counter::kCollections);
  caller.counters->Add(Counter::kObjectsCollected, result.collected_count);
  caller.counters->Add(Counter::kObjectsResurrected, result.saved_count);
  Release();
  return result;
}

// Makes every count stand in its object: what waits in a queue has a reference that
// is about to go, what threads count in arrays is nowhere else. The dead wait in
// the trashcan.
void Collector::MergeInPause(ObjectThread& caller) {
  MergeAllQueuesWorldStopped(caller);
  MergePerThreadCountsWorldStopped(caller);
}

void Collector::FindInPause(ObjectThread& caller, CollectResult* result) {
  ++result->pause_count;
  hooks_.lock(hooks_.context);
  MergeInPause(caller);
  finalizers_left_ = false;
  weak_references_left_ = false;
  types_left_ = false;
  CollectableObjects objects(space_, threads());
  Marking<CollectableObjects> marking(objects);
  marking.Subtract();
  marking.MarkReached();
  result->tracked_count = marking.member_count();
  if (marking.unreached_count() != 0 && !candidates_.Reserve(marking.unreached_count())) {
    result->status = CollectStatus::kOutOfMemory;
    marking.Restore([](Object*) {});
  } else {
    marking.Restore([this, &caller](Object* object) { ClaimInPause(caller, object); });
    result->unreachable_count = candidates_.count();
    TakeCallbacksInPause(caller);
  }
  ResetCountsInPause(marking.member_count() + objects.frozen_count(), marking.reached_count());
  hooks_.unlock(hooks_.context);
}

// Puts an object that was not reached on the list. Its count is still too low by what
// the members that come later hold of it; they give that back to the merged count.
void Collector::ClaimInPause(ObjectThread& caller, Object* object) {
  candidates_.Add(object);
  object->gc_bits |= kGcCandidate;
  const TypeKind kind = object->type->kind;
  finalizers_left_ |= AwaitsFinalizer(object);
  weak_references_left_ |= kind == TypeKind::kWeakReference || HasWeakReferences(object);
  if (kind == TypeKind::kType) {
    types_left_ = true;
    // A type that only garbage uses dies by plain counts, when the last one goes.
    ReleaseCountIdWorldStopped(caller, object);
  }
  // Without owner it is destroyed by whoever drops the last reference, not when its
  // owner gets to it. Written plainly where ExplicitMerge() must exchange.
  // relaxed, all: the world is stopped, and nothing of it is queued.
  const int64_t count = TrueCount(object) + 1;
  object->local.store(0, std::memory_order_relaxed);
  object->owner.store(kNoOwner, std::memory_order_relaxed);
  object->shared.store(count * kSharedOne | kSharedMerged, std::memory_order_relaxed);
  internal::Account(caller, object, 1);
}

void Collector::TakeCallbacksInPause(ObjectThread& caller) {
  if (!weak_references_left_) return;
  for (int64_t i = 0; i < candidates_.count(); ++i) {
    Object* const object = candidates_.at(i);
    if (!HasWeakReferences(object)) continue;
    WeakReference* taken =
        TakeWeakReferences(caller, object, WeakReferenceChoice::kOfUnreachableWithCallback);
    SpliceWeakReferences(&callbacks_, taken);
  }
}

bool Collector::CallBack(ObjectThread& caller, CollectResult* result) {
  while (callbacks_ != nullptr) {
    ++result->callback_count;
    {
      DestructorScope scope(caller);
      CallFirstWeakReference(caller, &callbacks_);
    }
    if (!hooks_.safe_point(hooks_.context, caller)) return false;
  }
  return true;
}

bool Collector::Finalize(ObjectThread& caller, CollectResult* result) {
  if (!finalizers_left_) return true;
  for (int64_t i = 0; i < candidates_.count(); ++i) {
    Object* const object = candidates_.at(i);
    const TypeObject* const type = object->type;
    if (!ClaimFinalizer(type, object)) continue;
    ++result->finalizer_count;
    caller.counters->Add(Counter::kFinalizersRun);
    {
      DestructorScope scope(caller);
      type->finalizer(caller, reinterpret_cast<Instance*>(object), type->finalizer_context);
    }
    if (!hooks_.safe_point(hooks_.context, caller)) return false;
  }
  return true;
}

void Collector::SeparateInPause(ObjectThread& caller, CollectResult* result) {
  ++result->pause_count;
  hooks_.lock(hooks_.context);
  MergeInPause(caller);
  Candidates candidates(candidates_);
  Marking<Candidates> marking(candidates);
  marking.Subtract();
  marking.MarkReached();
  marking.Restore([](Object*) {});
  result->saved_count = marking.reached_count();
  if (result->saved_count != 0 || types_left_) {
    candidates_.Filter([&caller](Object* object) {
      if ((object->gc_bits & kGcReached) == 0) {
        // A finalizer may have made instances of a type that nobody has any more.
        ReleaseCountIdWorldStopped(caller, object);
        return true;
      }
      object->gc_bits &= static_cast<uint8_t>(~kGcCandidate);
      // Never the last one: that is what saved means.
      Decref(caller, object);
      return false;
    });
  }
  hooks_.unlock(hooks_.context);
  // Finalizers and callbacks may have made more.
  weak_references_left_ = true;
  DecideInPause(caller);
}

void Collector::DecideInPause(ObjectThread& caller) {
  hooks_.lock(hooks_.context);
  for (int64_t i = 0; weak_references_left_ && i < candidates_.count(); ++i) {
    Object* const object = candidates_.at(i);
    if (HasWeakReferences(object)) {
      WeakReference* taken =
          TakeWeakReferences(caller, object, WeakReferenceChoice::kOfUnreachable);
      SpliceWeakReferences(&callbacks_, taken);
    } else if (object->type->kind == TypeKind::kWeakReference) {
      ClearGarbageWeakReferenceWorldStopped(caller, object);
    }
  }
  ForEachThread([](ObjectThread& thread) { ClearObjectFreelists(thread); });
  // Everybody is quiescent here, so every goal up to now is reached.
  space_.qsbr.Advance();
  space_.qsbr.QuiescentState(*caller.qsbr_slot);
  hooks_.unlock(hooks_.context);
}

bool Collector::DeleteGarbage(ObjectThread& caller) {
  int64_t until_safe_point = kObjectsPerSafePoint;
  while (Object* const object = candidates_.TakeNext()) {
    // Our reference is not on the list any more: no safe point before it is
    // dropped.
    candidates_.PrefetchNext();
    if (object->type->clear != nullptr) object->type->clear(caller, object);
    Decref(caller, object);
    if (--until_safe_point != 0) continue;
    until_safe_point = kObjectsPerSafePoint;
    if (!hooks_.safe_point(hooks_.context, caller)) return false;
  }
  return true;
}

void Collector::ResetCountsInPause(int64_t tracked_count, int64_t live_count) {
  CollectionCounts& counts = space_.collection;
  ForEachThread([](ObjectThread& thread) { thread.tracked_count = 0; });
  // relaxed, all: the world is stopped.
  counts.young.store(0, std::memory_order_relaxed);
  counts.forgiven.store(0, std::memory_order_relaxed);
  counts.survivors.store(live_count, std::memory_order_relaxed);
  tracked_at_reset_ = tracked_count;
}

void Collector::CollectFinally(ObjectThread& caller) {
  for (int round = 0; round < kFinalRounds; ++round) {
    const CollectResult result = Collect(caller);
    if (result.status != CollectStatus::kDone || result.unreachable_count == 0) return;
  }
}

void Collector::TakeOver(ObjectThread& caller) {
  // relaxed: the caller is alone.
  if (!space_.collection.collecting.load(std::memory_order_relaxed)) return;
  while (callbacks_ != nullptr) {
    DestructorScope scope(caller);
    CallFirstWeakReference(caller, &callbacks_);
  }
  // Garbage that is left is found again: no bit of an unfinished collection means
  // anything to the next.
  while (Object* const object = candidates_.TakeNext()) Decref(caller, object);
  candidates_.Free();
  Release();
}

CollectStatus Collector::SetFrozen(ObjectThread& caller, bool frozen) {
  const CollectStatus status = Claim(caller);
  if (status != CollectStatus::kDone) return status;
  if (!hooks_.stop(hooks_.context, caller)) return CollectStatus::kShutDown;
  hooks_.lock(hooks_.context);
  WalkTracked(space_, threads(), [frozen](Object* object) {
    object->gc_bits = frozen ? kGcTracked | kGcFrozen : kGcTracked;
  });
  hooks_.unlock(hooks_.context);
  hooks_.start(hooks_.context, caller);
  Release();
  return CollectStatus::kDone;
}

CollectStatus Collector::Freeze(ObjectThread& caller) { return SetFrozen(caller, true); }
CollectStatus Collector::Unfreeze(ObjectThread& caller) { return SetFrozen(caller, false); }

void Collector::CheckInvariantsWorldStopped() {
  int64_t tracked_count = 0;
  WalkTracked(space_, threads(), [&tracked_count](Object* object) {
    ++tracked_count;
    // relaxed: the world is stopped. What is counted per thread dies in a merge.
    RT_CHECK(HasPerThreadBias(object->shared.load(std::memory_order_relaxed)) ||
                 IsImmortal(object) || TrueCount(object) > 0,
             "INV-GC-4", "tracked with count %lld", static_cast<long long>(TrueCount(object)));
    RT_CHECK((object->gc_bits & kGcPending) == 0, "M-1", "an object was left pending");
    RT_CHECK(TypeOf(object)->birth_gc_bits == kGcTracked, "INV-GC-2",
             "an object of another kind is tracked");
  });
  // relaxed, all: the world is stopped.
  const CollectionCounts& counts = space_.collection;
  int64_t expected = tracked_at_reset_ + counts.young.load(std::memory_order_relaxed) -
                     counts.forgiven.load(std::memory_order_relaxed);
  ForEachThread([&expected](ObjectThread& thread) { expected += thread.tracked_count; });
  RT_CHECK(counts.young.load(std::memory_order_relaxed) >= 0, "INV-GC-5", "young below 0");
  RT_CHECK(tracked_count == expected, "INV-GC-5", "%lld tracked, counted as %lld",
           static_cast<long long>(tracked_count), static_cast<long long>(expected));
  const bool collecting = counts.collecting.load(std::memory_order_relaxed);
  RT_CHECK(collecting || (candidates_.left_count() == 0 && callbacks_ == nullptr), "GC-1",
           "no collection, but candidates");
}

}  // namespace rt
