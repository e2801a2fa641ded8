#include "runtime/base/thread_id.h"

#include <atomic>

#include "runtime/base/atomic.h"

extern "C" __thread uintptr_t rt_current_thread_id = rt::kNobodyId;

namespace rt {
namespace {

constinit Atomic<ThreadId> next_thread_state_id(kFirstThreadStateId);

}  // namespace

ThreadId NextThreadStateId() {
  // relaxed: only that ids are distinct matters.
  return next_thread_state_id.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace rt
