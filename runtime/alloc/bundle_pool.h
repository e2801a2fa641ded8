// Bundle pool: the parked heap bundles of one interpreter.
//
// Model.  A thread state that ends, or that a foreign thread clears, parks its
// whole bundle here in O(1). A new thread state adopts a parked one before it
// makes another. What lives in a parked bundle stays with its interpreter.
// Invariants.  I1: a parked bundle has owner 0. I2: parked_count() is the
// number of bundles on the list.
// Thread safety.  Park(), Adopt(), Collect(): any attached thread.
// ...WorldStopped(): the thread that stopped the world. Lock order.  mutex_ is
// a leaf: nothing is called with it held.
// Fork.  AfterForkChild() makes the mutex usable again.
#ifndef RUNTIME_ALLOC_BUNDLE_POOL_H_
#define RUNTIME_ALLOC_BUNDLE_POOL_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "runtime/alloc/heap_bundle.h"
#include "runtime/alloc/page_hold.h"
#include "runtime/sync/mutex.h"

namespace rt {

class BundlePool {
 public:
  BundlePool() = default;
  ~BundlePool();  // The pool must be empty: DestroyAll() comes first.

  // Parks `bundle`. The caller has it to itself. Never fails.
  void Park(HeapBundle* bundle) ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes a parked bundle, or makes one, and binds it to `owner_id`. Returns
  // null when out of memory. `adopted`, when given, tells which it was.
  [[nodiscard]] HeapBundle* Adopt(uint64_t owner_id, const PageHold& page_hold,
                                  bool* adopted = nullptr) ABSL_LOCKS_EXCLUDED(mutex_);

  // Collects each bundle parked now, one at a time, outside the mutex.
  // Bundles that are empty afterwards are destroyed, but kEmptyKept stay.
  // Returns how many it collected.
  int64_t Collect() ABSL_LOCKS_EXCLUDED(mutex_);

  // Adds up what the parked bundles hold.
  HeapBundleUsage CountBlocksWorldStopped() ABSL_LOCKS_EXCLUDED(mutex_);

  // Calls `visitor` for each live block in parked bundles.
  bool VisitBlocksWorldStopped(HeapBundle::BlockVisitor visitor, void* argument)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Calls `visit` for each parked bundle. The mutex is held.
  void VisitBundlesWorldStopped(void (*visit)(void* argument, HeapBundle& bundle), void* argument)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // HeapBundle::CheckInvariants() of every parked bundle, and I1, I2.
  void CheckInvariantsWorldStopped() ABSL_LOCKS_EXCLUDED(mutex_);

  // Destroys every parked bundle. No other thread uses the pool any more.
  void DestroyAll() ABSL_LOCKS_EXCLUDED(mutex_);

  // Any thread; momentary.
  int64_t parked_count() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Before fork(), in lock order, so that the child sees a whole list.
  void BeforeFork() ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex_) { mutex_.Lock(); }
  void AfterForkParent() ABSL_UNLOCK_FUNCTION(mutex_) { mutex_.Unlock(); }
  void AfterForkChild() ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_.AfterForkChild(); }

  BundlePool(const BundlePool&) = delete;
  BundlePool& operator=(const BundlePool&) = delete;

  // 4: more threads than this rarely start between two collections.
  static constexpr int64_t kEmptyKept = 4;

 private:
  HeapBundle* TakeFirst() ABSL_LOCKS_EXCLUDED(mutex_);

  mutable Mutex mutex_;
  HeapBundle* first_ ABSL_GUARDED_BY(mutex_) = nullptr;
  int64_t parked_count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace rt

#endif  // RUNTIME_ALLOC_BUNDLE_POOL_H_
