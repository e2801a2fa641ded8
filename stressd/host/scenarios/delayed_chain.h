// DelayedChain: blocks whose free is delayed, and instances whose finalizers delay
// more.
//
// Model.  An instance of depth d goes to delayed free; when it is released its
//   finalizer delays a small block and an instance of depth d - 1, down to depth 1.
//   Once the type is dropped the chains end where they are.
// Invariants.  DC-1: every instance's finalizer runs once.
// Thread safety.  DelayBlock(), DelayInstance(): any attached thread. The rest: the
//   main thread, alone.

#ifndef STRESSD_HOST_SCENARIOS_DELAYED_CHAIN_H_
#define STRESSD_HOST_SCENARIOS_DELAYED_CHAIN_H_

#include <cstdint>

#include "runtime/base/atomic.h"
#include "runtime/runtime.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

class DelayedChain {
 public:
  // `small_bytes`: of the block that a finalizer delays.
  explicit DelayedChain(int64_t small_bytes) : small_bytes_(small_bytes) {}

  // Makes the type, once. Returns false when memory ran out.
  [[nodiscard]] bool Create(rt::ThreadState& main);

  // Both return false, having delayed nothing, when memory ran out.
  static bool DelayBlock(rt::ObjectThread& thread, int64_t bytes);
  bool DelayInstance(rt::ObjectThread& thread, int64_t depth);

  // Lets go of the type, if there is one.
  void DropType(rt::ThreadState& main);

  // Once nothing waits any more.
  void Judge(ViolationList& out) const;

 private:
  static void DelayMore(rt::ObjectThread& thread, rt::Instance* instance, void* chain);

  const int64_t small_bytes_;
  rt::TypeObject* type_ = nullptr;
  rt::Atomic<int64_t> instances_made_{0};
  rt::Atomic<int64_t> finalizers_run_{0};
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_DELAYED_CHAIN_H_
