// The hidden part of a runtime: the two mutexes, the turns, the interpreters.
//
// Lock order.  lifecycle_mutex, then threads_mutex, then the leaves of
//   runtime/LOCK_ORDER.md. Both may be waited for while attached: nobody who
//   holds one waits for a safe point or for a turn.
// Fork.  BeforeFork() holds both, so in the child no thread state is half made
//   or half deleted and no list is half linked.

#ifndef RUNTIME_STATE_RUNTIME_IMPL_H_
#define RUNTIME_STATE_RUNTIME_IMPL_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "runtime/state/interpreter_impl.h"
#include "runtime/state/runtime.h"
#include "runtime/state/stop_queue.h"
#include "runtime/state/stop_request.h"
#include "runtime/stats/counter_block.h"
#include "runtime/stats/counter_region.h"
#include "runtime/sync/mutex.h"

namespace rt {

struct RuntimeExtension;

class RuntimeImpl {
 public:
  explicit RuntimeImpl(const RuntimeConfig& config);

  const RuntimeConfig config;
  // RuntimeConfig::check_every_stop_count; relaxed: a setting, orders nothing.
  Atomic<uint32_t> check_every_stop_count;
  Runtime* owner = nullptr;
  CounterRegion counter_region;

  // Held while a thread state or an interpreter is made or deleted.
  Mutex lifecycle_mutex ABSL_ACQUIRED_BEFORE(threads_mutex);
  // Guards every list, every change of a thread state's state word that a stop
  // must not miss, the turns and the stop requests.
  mutable Mutex threads_mutex;

  StopQueue stop_queue ABSL_GUARDED_BY(threads_mutex);
  StopRequest stop ABSL_GUARDED_BY(threads_mutex);

  InterpreterImpl* interpreters ABSL_GUARDED_BY(threads_mutex) = nullptr;
  size_t interpreter_count ABSL_GUARDED_BY(threads_mutex) = 0;
  size_t thread_count ABSL_GUARDED_BY(threads_mutex) = 0;
  InterpreterImpl* main_interpreter ABSL_GUARDED_BY(threads_mutex) = nullptr;
  // Changed when no other thread uses the runtime: extension.h.
  RuntimeExtension* extensions = nullptr;
  // What the destroyed interpreters counted; no references, they have none.
  CounterTotals retired_counters ABSL_GUARDED_BY(threads_mutex);
  // Set once, in a stop of the runtime.
  Atomic<bool> finalizing{false};
};

RuntimeImpl* RuntimeImplOf(const Runtime& runtime);

// Tell the extensions; no lock is held.
void TellFinalizing(RuntimeImpl& runtime, Interpreter* interpreter, ThreadState* caller);
void TellInterpreterEnding(RuntimeImpl& runtime, Interpreter& interpreter, ThreadState& caller);

}  // namespace rt

#endif  // RUNTIME_STATE_RUNTIME_IMPL_H_
