// A runtime: the interpreters of one embedder, their common locks and limits.
//
// Model.  An object, not a set of globals: a process creates, finalizes and
//   destroys as many as it likes, one after the other or side by side. The only
//   thread-local is the current thread state.
// Invariants.  R1: after Finalize() began, no interpreter and no thread state
//   is created or attached. R2: destroying a runtime gives back all its memory
//   but the thread states whose OS threads have not released them. R3: no event
//   is lost: what a thread state counted goes to its interpreter when it is
//   deleted, and what an interpreter counted to its runtime when it is destroyed.
// Thread safety.  Create() and the destructor: any OS thread, alone. The rest:
//   any OS thread, attached or not.
// Lock order.  runtime/LOCK_ORDER.md.  Fork.  fork.h.
// Source.  CPython Python/pylifecycle.c. Differs: late threads get `false`.

#ifndef RUNTIME_STATE_RUNTIME_H_
#define RUNTIME_STATE_RUNTIME_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "runtime/object/tracking.h"
#include "runtime/state/interpreter.h"

namespace rt {

class RuntimeImpl;

// What happens to a thread that wants to attach after its thread state was shut down.
enum class LateAttach : uint8_t {
  kRefuse,  // Attach(), SafePoint() and stops return false.
  kHang,    // It sleeps in them until the process ends: for code that cannot unwind.
};

struct RuntimeConfig {
  // Memory for the counter blocks of threads and interpreters, for example a
  // part of a shared mapping. Null: private memory. Must outlive the runtime.
  void* counter_memory = nullptr;
  size_t counter_memory_bytes = 0;
  // Thread states at a time over all interpreters; 0: no limit.
  size_t max_thread_state_count = 0;
  // Live interpreters at a time; 0: no limit.
  size_t max_interpreter_count = 0;
  // Whether a thread that drops an object of a detached thread state merges it at
  // once. Without it such objects live until their owner attaches or a collection
  // comes: for comparison.
  bool merge_for_detached_owners = true;
  // Every how many stops of an interpreter all its invariants are checked;
  // 0: never. A check visits every thread state and every queue.
  uint32_t check_every_stop_count = 0;
  // Objects that can be in a cycle, made since the last collection, after which
  // another one begins by itself (collection.h says more); 0: never.
  int64_t collect_threshold = kDefaultCollectThreshold;
  LateAttach late_attach = LateAttach::kRefuse;
};

class Runtime {
 public:
  // Returns null when memory ran out. Has one interpreter from the start.
  [[nodiscard]] static std::unique_ptr<Runtime> Create(const RuntimeConfig& config = {});
  // Finalizes if need be and destroys every interpreter. No thread may use the
  // runtime any more; thread states not yet released stay valid for that.
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Stops everything, shuts down every thread state of every interpreter but
  // the caller's current one, and finalizes the interpreters. Returns false,
  // having done nothing, when another thread finalizes or shut us down.
  [[nodiscard]] bool Finalize();
  bool is_finalizing() const;

  // The one made by Create(); null once it was destroyed.
  Interpreter* main_interpreter() const;
  size_t interpreter_count() const;
  // Calls `visit` for every interpreter. The lock of the list is held: `visit`
  // must not create, destroy or stop anything, nor call a function of this
  // header or interpreter.h but id().
  void VisitInterpreters(void (*visit)(const Interpreter&, void*), void* argument) const;
  // RuntimeConfig::check_every_stop_count, changed while the runtime lives. Any
  // OS thread; a stop that has begun may still follow the old value.
  void SetCheckEveryStopCount(uint32_t stop_count);
  uint32_t check_every_stop_count() const;
  // The sum of the reference totals of all interpreters, live.
  int64_t ReadReferenceTotal() const;
  // Reads the events of all interpreters, living and destroyed (R3), and the
  // references of the living ones, while threads run. Exact if nobody counts
  // meanwhile.
  void ReadCounters(CounterTotals* out) const;

 private:
  explicit Runtime(RuntimeImpl* impl) : impl_(impl) {}
  friend RuntimeImpl* RuntimeImplOf(const Runtime& runtime);

  RuntimeImpl* impl_;
};

}  // namespace rt

#endif  // RUNTIME_STATE_RUNTIME_H_
