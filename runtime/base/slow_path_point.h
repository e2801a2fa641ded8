// Slow path points: places that may be told to take their rarer way.
//
// Model.  Code with a rare way that is always right (an array that is full, a mutex
// that is handed over) also takes it when TakesSlowPath("name") says so, so that a
// run meets it often. No hook is installed by default: one relaxed load. Nothing at
// all where RT_SCHEDULE_POINTS is 0.
// Thread safety.  TakesSlowPath(): any thread, any lock held; so must the hook be.
// SetSlowPathHook(): any thread; others may be in the old hook when it returns.
// Fork.  The hook stays installed in the child.
#ifndef RUNTIME_BASE_SLOW_PATH_POINT_H_
#define RUNTIME_BASE_SLOW_PATH_POINT_H_

#include "runtime/base/atomic.h"
#include "runtime/base/config.h"

namespace rt {

// Returns whether the slow path point `name` takes its rarer way.
using SlowPathHook = bool (*)(const char* name);

namespace internal {
inline constinit Atomic<SlowPathHook> slow_path_hook;
}  // namespace internal

// Installs `hook`, or none when null. Returns the one before.
inline SlowPathHook SetSlowPathHook(SlowPathHook hook) {
  // (SL1) acq_rel exchange, synchronizes with the acquire load (SL2) in
  //       TakesSlowPath(): what the hook needs was set up before it is called.
  return internal::slow_path_hook.exchange(hook, std::memory_order_acq_rel);
}

// Returns true when a hook wants the caller to take its rarer way. `name` is a
// literal, "folder.what", unique in the runtime.
[[nodiscard]] inline bool TakesSlowPath([[maybe_unused]] const char* name) {
  if constexpr (RT_SCHEDULE_POINTS == 0) return false;
  // relaxed: nearly always null, and then nothing follows from it.
  if (internal::slow_path_hook.load(std::memory_order_relaxed) == nullptr) return false;
  // (SL2) acquire load, synchronizes with the exchange (SL1) in SetSlowPathHook():
  //       the hook sees what was prepared for it.
  const SlowPathHook hook = internal::slow_path_hook.load(std::memory_order_acquire);
  return hook != nullptr && hook(name);
}

}  // namespace rt

#endif  // RUNTIME_BASE_SLOW_PATH_POINT_H_
