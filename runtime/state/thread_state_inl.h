// The hot path of thread states: the safe point. Included by thread_state.h.

#ifndef RUNTIME_STATE_THREAD_STATE_INL_H_
#define RUNTIME_STATE_THREAD_STATE_INL_H_

#include <atomic>

#include "runtime/qsbr/qsbr.h"
#include "runtime/state/thread_state.h"

namespace rt {

// Does what the bits of the eval breaker ask for. As SafePoint().
[[nodiscard]] bool HandleEvalBreaker(ThreadState& thread);

inline bool SafePoint(ThreadState& thread) {
  QsbrSlot& slot = *thread.qsbr_slot;
  slot.shared->QuiescentState(slot);
  // relaxed: a bit that is missed is seen at the next safe point; whoever sets
  // one hands its data over under a mutex that the handler takes.
  if (thread.eval_breaker.load(std::memory_order_relaxed) == 0) [[likely]] {
    return true;
  }
  return HandleEvalBreaker(thread);
}

}  // namespace rt

#endif  // RUNTIME_STATE_THREAD_STATE_INL_H_
