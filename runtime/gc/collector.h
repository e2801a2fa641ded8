// The collector: finds and breaks cycles of garbage, one interpreter at a time.
//
// Model.  A collection runs on the thread that asks for it.
//   Pause 1   merge the queues; find what nothing outside reaches (marking.h); take
//             a reference to each such object, so that it lives until its turn;
//             clear the weak references to them that have a callback.
//   running   call those callbacks, then the finalizers, each once in a life.
//   Pause 2   what a finalizer made reachable again, and all it leads to, is saved;
//             clear every weak reference to the rest, which is garbage for good.
//   running   clear each object (TypeObject::clear) and drop the reference: the
//             cycles come apart and the ordinary counts destroy them.
// Weak references without callback stand until pause 2, so a finalizer can still
// use them; who takes a reference through one saves the object (the order that
// CPython 3.14 corrected to). Without finalizer or callback there is only one
// pause. The last pause also empties every freelist.
//   Why nobody can come between: pauses find every thread at a safe point, where it
// holds no pointer that is not counted; so what is unreachable stays so, but for
// weak references, and those are cleared in the pause that decides.
// Invariants.  GC-1: one collection at a time; others get kBusy. INV-GC-1: outside
// of a pause every count is true. INV-GC-2..5: heap_walk.h, tracking.h. GC-2: none
// starts within a destructor, a finalizer or a callback, or in a stopped world.
// Thread safety.  Collect(), Freeze(), Unfreeze(): any attached thread, holding no
// mutex; they count as safe points. TakeOver(): see there.
// Lock order.  In a pause the hooks' lock is held, which stands above merge buckets,
// weak reference stripes and the pool. Finalizers and callbacks: no lock.
// Fork.  A collection that was between its pauses when another thread forked is
// taken over in the child: what it held is dropped and found again later.
// Source.  CPython Python/gc_free_threading.c. Differs: no scratch words, one pause
// where two are not needed, the collection can be taken over.

#ifndef RUNTIME_GC_COLLECTOR_H_
#define RUNTIME_GC_COLLECTOR_H_

#include <cstdint>

#include "runtime/gc/candidate_list.h"
#include "runtime/gc/heap_walk.h"
#include "runtime/object/object_space.h"
#include "runtime/object/object_thread.h"

namespace rt {

// What the collector needs of the layer above. `context` goes to each.
struct CollectorHooks {
  void* context = nullptr;
  // Stops every other thread of the interpreter. False: the caller was shut down,
  // and neither it nor the collector may be touched any more.
  bool (*stop)(void* context, ObjectThread& caller) = nullptr;
  void (*start)(void* context, ObjectThread& caller) = nullptr;
  // A safe point of the caller, between two destructors. False: as above.
  bool (*safe_point)(void* context, ObjectThread& caller) = nullptr;
  // Whether the caller has stopped the world already.
  bool (*has_stopped)(void* context, const ObjectThread& caller) = nullptr;
  // Keeps thread states and bundles where they are, in a pause.
  void (*lock)(void* context) = nullptr;
  void (*unlock)(void* context) = nullptr;
  // As ThreadSource::next.
  ObjectThread* (*next_thread)(void* context, ObjectThread* thread) = nullptr;
};

enum class CollectStatus : uint8_t {
  kDone,
  kBusy,          // Another collection is running (GC-1).
  kInDestructor,  // Asked for within a destructor, finalizer or callback.
  kWorldStopped,  // The caller has stopped the world.
  kOutOfMemory,   // Nothing was changed.
  kShutDown,      // The caller was shut down: see SafePoint().
};

struct CollectResult {
  CollectStatus status = CollectStatus::kDone;
  int64_t tracked_count = 0;      // Objects it looked at.
  int64_t unreachable_count = 0;  // Of these: unreachable at pause 1.
  int64_t saved_count = 0;        // Of these: saved by finalizers or through weak references.
  int64_t collected_count = 0;    // The others.
  int64_t finalizer_count = 0;    // Finalizers called.
  int64_t callback_count = 0;     // Callbacks of weak references called.
  int32_t pause_count = 0;
};

class Collector {
 public:
  Collector(ObjectSpace& space, const CollectorHooks& hooks);
  ~Collector();  // No collection is under way.
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  // Collects all garbage. Runs destructors, finalizers and callbacks.
  CollectResult Collect(ObjectThread& caller);

  // Collects until a collection finds nothing, at most kFinalRounds times, for the
  // end of an interpreter. The caller is alone.
  void CollectFinally(ObjectThread& caller);
  static constexpr int kFinalRounds = 8;

  // Ends a collection whose thread does not run any more, if there is one: drops
  // what it held. The caller is alone.
  void TakeOver(ObjectThread& caller);

  // Takes all objects that are tracked now out of collections, until Unfreeze().
  // They live on and are destroyed by their counts. kDone, or as Collect().
  CollectStatus Freeze(ObjectThread& caller);
  CollectStatus Unfreeze(ObjectThread& caller);

  // Dies if an invariant is broken. World stopped by `caller`, hooks.lock held.
  void CheckInvariantsWorldStopped();

 private:
  // Refuses, or claims the collection (GC-1).
  CollectStatus Claim(ObjectThread& caller);
  void Release();
  ThreadSource threads() const { return {hooks_.context, hooks_.next_thread}; }
  template <typename Visit>
  void ForEachThread(Visit visit);

  // The parts of a collection, in order; false: the caller was shut down.
  void MergeInPause(ObjectThread& caller);
  void FindInPause(ObjectThread& caller, CollectResult* result);
  void ClaimInPause(ObjectThread& caller, Object* object);
  void TakeCallbacksInPause(ObjectThread& caller);
  bool CallBack(ObjectThread& caller, CollectResult* result);
  bool Finalize(ObjectThread& caller, CollectResult* result);
  void SeparateInPause(ObjectThread& caller, CollectResult* result);
  void DecideInPause(ObjectThread& caller);
  bool DeleteGarbage(ObjectThread& caller);
  void ResetCountsInPause(int64_t tracked_count, int64_t live_count);
  CollectStatus SetFrozen(ObjectThread& caller, bool frozen);

  ObjectSpace& space_;
  const CollectorHooks hooks_;

  // Of the collection under way.
  CandidateList candidates_;
  WeakReference* callbacks_ = nullptr;  // Whose callbacks are to be called.
  bool finalizers_left_ = false;
  bool weak_references_left_ = false;  // A candidate is one, or has some.
  bool types_left_ = false;            // A candidate is a type.
  // Tracked when the counts were reset (tracking.h, INV-GC-5).
  int64_t tracked_at_reset_ = 0;
};

}  // namespace rt

#endif  // RUNTIME_GC_COLLECTOR_H_
