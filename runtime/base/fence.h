// Fences, for the rare place where no access can carry the order.
//
// Model.  ThreadSanitizer does not model a free-standing fence: it sees no
// happens-before edge and reports a false race. Code that needs a fence
// therefore names two orders for the access beside it: the one that is enough
// given the fence, and the stronger one ThreadSanitizer needs to see the edge.
//   ready.store(1, OrderBesideFence(std::memory_order_relaxed,
//                                   std::memory_order_release));
// Prefer an ordered access or a read-modify-write to a fence: qsbr/ does
// without, and says how.
// Thread safety.  Any thread.
#ifndef RUNTIME_BASE_FENCE_H_
#define RUNTIME_BASE_FENCE_H_

#include <atomic>

#include "runtime/base/sanitizer.h"
#include "runtime/base/schedule_point.h"

namespace rt {

// The order of an access next to a Fence(): `with_fence` normally,
// `for_thread_sanitizer` where fences are not modelled.
constexpr std::memory_order OrderBesideFence(std::memory_order with_fence,
                                             std::memory_order for_thread_sanitizer) {
  return kThreadSanitizer ? for_thread_sanitizer : with_fence;
}

// A free-standing fence. Nothing under ThreadSanitizer, which warns about
// std::atomic_thread_fence and relies on the accesses' own orders instead.
inline void Fence([[maybe_unused]] std::memory_order order,
                  SchedulePointSite site = SchedulePointSite::Here()) {
  SchedulePoint(SchedulePointKind::kFence, nullptr, site);
#if !RT_TSAN
  std::atomic_thread_fence(order);
#endif
}

}  // namespace rt

#endif  // RUNTIME_BASE_FENCE_H_
