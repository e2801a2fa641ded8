// Fault points: places that may be told to fail, to test the way out.
//
// Model.  A function that can fail for want of memory asks FaultPoint("name")
// first and fails when it returns true. No hook is installed by default: one
// relaxed load. A hook decides from the name and from a counter of its own.
// Thread safety.  FaultPoint(): any thread, any lock held; so must the hook be.
// SetFaultHook(): when no thread is at a fault point that should see it.
// Fork.  The hook stays installed in the child.
#ifndef RUNTIME_BASE_FAULT_POINT_H_
#define RUNTIME_BASE_FAULT_POINT_H_

#include "runtime/base/atomic.h"
#include "runtime/base/config.h"

namespace rt {

// Returns whether the operation at the fault point `name` is to fail.
using FaultHook = bool (*)(const char* name);

namespace internal {
inline constinit Atomic<FaultHook> fault_hook;
}  // namespace internal

// Installs `hook`, or none when null. Returns the one before.
inline FaultHook SetFaultHook(FaultHook hook) {
  // (F1) acq_rel exchange, synchronizes with the acquire load (F2) in
  //      FaultPoint(): what the hook needs was set up before it is called.
  return internal::fault_hook.exchange(hook, std::memory_order_acq_rel);
}

// Returns true when a hook wants the caller to fail here. `name` is a literal,
// "folder.what", unique in the runtime.
// Never does where RT_CHECKS are off.
[[nodiscard]] inline bool FaultPoint([[maybe_unused]] const char* name) {
  if constexpr (RT_CHECKS == 0) return false;
  // relaxed: nearly always null, and then nothing follows from it.
  if (internal::fault_hook.load(std::memory_order_relaxed) == nullptr) {
    return false;
  }
  // (F2) acquire load, synchronizes with the exchange (F1) in SetFaultHook():
  //      the hook sees what was prepared for it.
  const FaultHook hook = internal::fault_hook.load(std::memory_order_acquire);
  return hook != nullptr && hook(name);
}

}  // namespace rt

#endif  // RUNTIME_BASE_FAULT_POINT_H_
