// Delayed free: memory and objects that may be released only when every reader
// that could still see them has passed a quiescent state.
//
// Model.  Each thread state has a queue of entries {what, goal, bytes} in
// chunks; the goal comes from QSBR when the entry is made. Entries leave in
// order, as far as goals are reached. A thread state that ends hands its queue
// to its interpreter's; any thread of the interpreter works on that one. A
// thread's queue holds two lists: its own entries, and those it took over from
// the interpreter while it works on them, so that nothing is ever on a stack
// frame only.
// Invariants.  I1: every entry is released exactly once (INV-FD-1). I2: not
// before its goal, unless the world is stopped or the interpreter is alone
// (INV-FD-2). I3: the backlog is at most the limits below per thread, plus what
// a reader that is not quiescent pins (INV-FD-3). I4: goals in a list do not
// decrease (INV-FD-5). I5: pending counts are the sum over both lists.
// Thread safety.  DelayedFreeQueue: its thread; or who has stopped the world.
// InterpreterDelayedFree: any attached thread. Lock order.  The interpreter's
// mutex is a leaf: callbacks run without it.
// Re-entrancy.  A callback may enqueue, and may process: an entry leaves its
// queue before it is released, nested processing of the same queue returns.
// Fork.  AfterForkChild() repairs the interpreter's mutex; queues of dead thread
// states are abandoned by who clears them.
// Source.  CPython _PyMem_FreeDelayed as of June 2025. Differs: bytes are kept
// with the entry, so that the backlog can be told at any time.
#ifndef RUNTIME_ALLOC_DELAYED_FREE_H_
#define RUNTIME_ALLOC_DELAYED_FREE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "runtime/base/atomic.h"
#include "runtime/sync/mutex.h"

namespace rt {

class QsbrShared;
struct QsbrSlot;

// What the delayed free needs of the layers above. Constant once set. `thread`
// is the pointer that DelayedFreeQueue::Init() was given, of the thread that
// calls, `context` this struct's.
struct DelayedFreeHooks {
  void* context = nullptr;
  QsbrShared* qsbr = nullptr;
  // Returns the slot of `thread`, for polling; null when it has none or is not
  // attached: then only what others' polls have found is known.
  const QsbrSlot* (*slot)(void* context, void* thread) = nullptr;
  // Releases one 'object' entry; may run destructors. No lock is held.
  void (*release_object)(void* context, void* thread, void* object) = nullptr;
  // Returns true when memory may be freed at once: the caller has stopped the
  // world, or the interpreter finalizes and is alone.
  bool (*is_alone)(void* context, void* thread) = nullptr;
  // Runs `action` while every other thread is stopped. Used when there is no
  // memory for an entry. No lock is held.
  void (*with_world_stopped)(void* context, void* thread, void (*action)(void* argument),
                             void* argument) = nullptr;
  // Asks `thread` to call Process() at its next eval-breaker check.
  void (*request_processing)(void* context, void* thread) = nullptr;
};

// A list of chunks, oldest first. Plain data.
struct DelayedFreeChunk;
struct DelayedFreeList {
  DelayedFreeChunk* first = nullptr;
  DelayedFreeChunk* last = nullptr;
};

// What is waiting. Readable by any thread at any time; exact when quiet.
struct DelayedFreePending {
  int64_t item_count = 0;
  int64_t item_bytes = 0;
};

// The interpreter's part: hooks, and the entries of thread states that ended.
class InterpreterDelayedFree {
 public:
  explicit InterpreterDelayedFree(const DelayedFreeHooks& hooks);
  ~InterpreterDelayedFree();  // Nothing may be pending.

  const DelayedFreeHooks& hooks() const { return hooks_; }
  DelayedFreePending pending() const;

  // Releases everything at once. The caller is alone or has stopped the world;
  // `thread` is passed on to the hooks.
  void ReleaseAllWorldStopped(void* thread) ABSL_LOCKS_EXCLUDED(mutex_);

  void BeforeFork() ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex_) { mutex_.Lock(); }
  void AfterForkParent() ABSL_UNLOCK_FUNCTION(mutex_) { mutex_.Unlock(); }
  void AfterForkChild() ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_.AfterForkChild(); }

  InterpreterDelayedFree(const InterpreterDelayedFree&) = delete;
  InterpreterDelayedFree& operator=(const InterpreterDelayedFree&) = delete;

 private:
  friend class DelayedFreeQueue;

  void Release(uintptr_t tagged, void* as_thread) const;
  bool IsReached(uint64_t goal, void* as_thread) const;
  // Appends `list` and its counts.
  void Append(DelayedFreeList list, DelayedFreePending counts) ABSL_LOCKS_EXCLUDED(mutex_);
  // Takes everything, or nothing when another thread is at it.
  bool TryTake(DelayedFreeList* list, DelayedFreePending* counts) ABSL_LOCKS_EXCLUDED(mutex_);

  const DelayedFreeHooks hooks_;
  Mutex mutex_;
  DelayedFreeList list_ ABSL_GUARDED_BY(mutex_);
  // relaxed reads: a hint and a statistic, rechecked under mutex_.
  Atomic<int64_t> item_count_{0};
  Atomic<int64_t> item_bytes_{0};
};

// One thread state's queue.
class DelayedFreeQueue {
 public:
  DelayedFreeQueue() = default;
  ~DelayedFreeQueue();  // Nothing may be pending.

  // Before first use. `thread` is handed to the hooks.
  void Init(InterpreterDelayedFree* interpreter, void* thread);

  // Frees a heap block (HeapFree) when no reader can see it any more. `bytes`
  // is its size, for the limits. Null is ignored. May stop the world when out of
  // memory. May not be called with a runtime mutex held.
  void FreeMemory(void* block, size_t bytes);

  // Releases `object` through the hooks when no reader can see it any more.
  void FreeObject(void* object, size_t bytes);

  // True when a limit has been passed since the last Process().
  bool should_process() const { return should_process_; }

  // Releases what has reached its goal, here and in the interpreter's queue.
  // Returns how many entries it released. Runs callbacks.
  int64_t Process();

  // Hands all entries to the interpreter. Runs no callback. The queue can be
  // used again afterwards.
  void HandOver();

  // HandOver(), then works on the interpreter's queue once, so that a program of
  // short-lived threads does not only ever grow it. `as_thread` is who calls and
  // whom the hooks are told; null: the queue's own thread.
  void Abandon(void* as_thread = nullptr);

  // Releases everything at once, as `as_thread`. The world is stopped, or the
  // caller is alone.
  void ReleaseAllWorldStopped(void* as_thread);

  DelayedFreePending pending() const;
  // Since Init(); statistics.
  int64_t enqueued_count() const { return enqueued_count_; }
  int64_t released_count() const { return released_count_; }

  // Checks I4, I5. Dies when they do not hold.
  void CheckInvariants() const;

  DelayedFreeQueue(const DelayedFreeQueue&) = delete;
  DelayedFreeQueue& operator=(const DelayedFreeQueue&) = delete;

  // Limits after which the write sequence advances and processing is asked for.
  static constexpr int64_t kItemLimit = 127;
  static constexpr int64_t kByteLimit = 1 << 20;

 private:
  void Enqueue(uintptr_t tagged, size_t bytes);
  // Draws the goal for an entry of `bytes`; may advance and ask for processing.
  uint64_t NextGoal(size_t bytes);
  // A deferred goal is reached only once somebody advances: do it now.
  void AdvanceToLastGoal();
  // Makes room for one entry at the end. Returns false when out of memory.
  bool EnsureRoom();
  // Releases entries from `list`, which is one of ours, in order. Re-reads the
  // list after every callback.
  int64_t Drain(DelayedFreeList* list, bool ignore_goals, void* as_thread);
  int64_t DrainInterpreter(void* as_thread);
  void AddPending(int64_t items, int64_t bytes);

  InterpreterDelayedFree* interpreter_ = nullptr;
  void* thread_ = nullptr;
  DelayedFreeList own_;
  DelayedFreeList adopted_;
  bool processing_ = false;
  bool should_process_ = false;
  int64_t items_since_advance_ = 0;
  int64_t bytes_since_advance_ = 0;
  int64_t enqueued_count_ = 0;
  int64_t released_count_ = 0;
  // relaxed: one writer, read by others as a statistic.
  Atomic<int64_t> pending_items_{0};
  Atomic<int64_t> pending_bytes_{0};
};

}  // namespace rt

#endif  // RUNTIME_ALLOC_DELAYED_FREE_H_
