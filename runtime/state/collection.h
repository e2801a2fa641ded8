// Collection: breaking cycles of garbage, as an embedder sees it.
//
// Model.  Reference counts destroy everything but cycles; a collection finds those
// and takes them apart (gc/collector.h). One begins by itself at a safe point when
// more objects that can be in a cycle have been made since the last one than the
// threshold, and more than a quarter of what that one left; or when Collect() is
// called.
// Invariants.  One collection at a time in an interpreter. A finalizer is called
// once in the life of its object, whoever finds it dead.
// Thread safety.  As each comment says. What takes `caller` counts as a safe
// point: no runtime mutex may be held, and not within a destructor.
// Lock order.  runtime/LOCK_ORDER.md.  Fork.  fork.h; a collection that another
// thread was at is undone in the child, and its garbage found by the next.

#ifndef RUNTIME_STATE_COLLECTION_H_
#define RUNTIME_STATE_COLLECTION_H_

#include <cstdint>

#include "runtime/gc/collector.h"
#include "runtime/state/interpreter.h"
#include "runtime/state/thread_state.h"

namespace rt {

// Collects the garbage of the caller's interpreter. After kShutDown see
// SafePoint().
[[nodiscard]] CollectResult Collect(ThreadState& caller);

// Takes every object that exists now out of collections, until Unfreeze(): for what
// is made at the start and stays. They still die by their counts.
[[nodiscard]] CollectStatus Freeze(ThreadState& caller);
[[nodiscard]] CollectStatus Unfreeze(ThreadState& caller);

// Whether collections begin by themselves, and after how many objects (0: never).
// Any thread.
void EnableCollection(Interpreter& interpreter, bool enabled);
void SetCollectThreshold(Interpreter& interpreter, int64_t threshold);

// What the automatism looks at; flushes nothing, so that reading puts nothing off.
struct CollectionReading {
  int64_t young = 0;      // Made since the last collection, to within 512 a thread.
  int64_t survivors = 0;  // Left by it.
  int64_t threshold = 0;
  bool enabled = false;
  bool collecting = false;
};
// Any thread; each value is one that it really had.
CollectionReading ReadCollection(const Interpreter& interpreter);

}  // namespace rt

#endif  // RUNTIME_STATE_COLLECTION_H_
