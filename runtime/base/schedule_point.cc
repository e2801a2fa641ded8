#include "runtime/base/schedule_point.h"

namespace rt {

ScheduleHook SetScheduleHook(ScheduleHook hook) {
  // (SP1) acq_rel exchange, synchronizes with the acquire load (SP2) in
  //       PassSchedulePoint(): what the hook needs was set up before it is called.
  return internal::schedule_hook.exchange(hook, std::memory_order_acq_rel);
}

namespace internal {

void PassSchedulePoint(SchedulePointKind kind, const volatile void* address, const char* name,
                       const char* file, uint32_t line) {
  // (SP2) acquire load, synchronizes with the exchange (SP1) in SetScheduleHook():
  //       the hook sees what was prepared for it. Null: it was taken away since.
  const ScheduleHook hook = schedule_hook.load(std::memory_order_acquire);
  if (hook != nullptr) hook(kind, address, SchedulePointSite(name, file, line));
}

}  // namespace internal
}  // namespace rt
