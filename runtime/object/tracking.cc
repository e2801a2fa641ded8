#include "runtime/object/tracking.h"

#include <cstring>

#include "runtime/alloc/heap_bundle.h"
#include "runtime/object/object_space.h"
#include "runtime/object/type.h"

namespace rt {
namespace {

bool IsTimeToCollect(const CollectionCounts& counts, int64_t young) {
  // relaxed, all: settings and a statistic; a collection decides by itself
  // whether it may run.
  const int64_t threshold = counts.threshold.load(std::memory_order_relaxed);
  return threshold != 0 && young > threshold &&
         // Else the time of all collections grows with the square of the objects.
         young > counts.survivors.load(std::memory_order_relaxed) / kSurvivorsPerYoung &&
         counts.enabled.load(std::memory_order_relaxed) &&
         !counts.collecting.load(std::memory_order_relaxed);
}

}  // namespace

void FlushTrackedCount(ObjectThread& thread) {
  CollectionCounts& counts = thread.space->collection;
  const int64_t count = thread.tracked_count;
  if (count == 0) return;
  thread.tracked_count = 0;
  // relaxed, all: counts; a collection reads them in a stopped world.
  int64_t before = counts.young.load(std::memory_order_relaxed);
  int64_t after;
  do {
    after = before + count;
    if (after < 0) after = 0;
  } while (!counts.young.compare_exchange_weak(before, after, std::memory_order_relaxed,
                                               std::memory_order_relaxed));
  const int64_t forgiven = after - (before + count);
  if (forgiven != 0) counts.forgiven.fetch_add(forgiven, std::memory_order_relaxed);
  if (count > 0 && IsTimeToCollect(counts, after)) {
    // relaxed: our own safe point looks at it.
    thread.eval_breaker.fetch_or(kEvalBreakerCollect, std::memory_order_relaxed);
  }
}

void Track(ObjectThread& thread, Object* object) {
  const uint8_t bits = object->type->birth_gc_bits;
  if (bits == 0) return;
  RT_DCHECK((object->gc_bits & kGcTracked) == 0, "INV-GC-4", "a dead object was tracked");
  object->gc_bits = bits;
  CountTracked(thread, 1);
}

}  // namespace rt
