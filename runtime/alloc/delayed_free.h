// Delayed free: memory and objects that may be released only when every reader
// that could still see them has passed a quiescent state.
//
// Model.  Each thread state has a queue of entries {what, bytes} in chunks. An
// entry is made without a goal and without asking anybody. When a chunk is full,
// holds more bytes than the limit, or the queue is processed, it is sealed: one
// advance of QSBR gives all entries made until then their goal. Entries leave in
// order, as far as goals are reached. A thread state that ends hands its queue
// to its interpreter's; any thread of the interpreter works on that one: each
// that ends, each that processes its own, and each that attaches while something
// is there, at its first safe point. A
// thread's queue holds two lists: its own entries, and those it took over from
// the interpreter while it works on them, so that nothing is ever on a stack
// frame only.
// Invariants.  I1: every entry is released exactly once (INV-FD-1). I2: not
// before its goal, which is drawn after the entry was made, unless the world is
// stopped or the interpreter is alone (INV-FD-2). I3: the backlog is at most the
// limits below per thread, plus what a reader that is not quiescent pins
// (INV-FD-3); an entry takes 16 bytes besides what it holds. I4: in a chunk,
// read_index <= sealed_index <= write_index, the goal belongs to the entries
// before sealed_index, and goals in a list do not decrease (INV-FD-5). I5:
// pending counts are the sum over both lists. I6: what was handed to delayed free
// is what was released plus what is pending, in the counters too once the queues
// have been processed or handed over.
// Thread safety.  DelayedFreeQueue: its thread; or who has stopped the world.
// InterpreterDelayedFree: any attached thread. Lock order.  The interpreter's
// mutex is a leaf: callbacks run without it.
// Re-entrancy.  A callback may enqueue, and may process: an entry leaves its
// queue before it is released, nested processing of the same queue returns.
// A stalled reader.  Holds up what it may see and nothing else; the counters tell
// (delayed_free_enqueued_... less ..._freed_..., and how far QSBR's read sequence
// is behind its write sequence).
// Fork.  AfterForkChild() repairs the interpreter's mutex; queues of dead thread
// states are abandoned by who clears them.
// Source.  CPython _PyMem_FreeDelayed as of June 2025. Differs: a goal for a chunk
// and not for an entry, which saves a locked instruction each; bytes are kept with
// the entry, so that the backlog can be told at any time.
#ifndef RUNTIME_ALLOC_DELAYED_FREE_H_
#define RUNTIME_ALLOC_DELAYED_FREE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "runtime/base/atomic.h"
#include "runtime/sync/mutex.h"

namespace rt {

class CounterBlock;
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

struct DelayedFreeItem {
  uintptr_t tagged;  // Address; bit 0: an object, else a heap block.
  int64_t bytes;
};

// 128: the entry that goes over the limit of 127 fills the chunk; two KiB.
inline constexpr uint32_t kDelayedFreeChunkItems = 128;

// Entries [read_index, write_index) wait, those before sealed_index for `goal`.
struct DelayedFreeChunk {
  DelayedFreeChunk* next = nullptr;
  uint64_t goal = 0;
  uint32_t read_index = 0;
  uint32_t sealed_index = 0;
  uint32_t write_index = 0;
  // Entries that fit; less once the chunk was sealed for its bytes.
  uint32_t end_index = kDelayedFreeChunkItems;
  DelayedFreeItem items[kDelayedFreeChunkItems];
};

// A list of chunks, oldest first. Plain data.
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
  // True when a thread state that ended left entries which nobody has freed yet.
  // A hint, of any thread: exact for what was appended before it was joined.
  bool HasEntries() const {
    // relaxed: a hint, looked at again under the mutex.
    return item_count_.load(std::memory_order_relaxed) != 0;
  }

  // Releases everything at once. The caller is alone or has stopped the world;
  // `thread` is passed on to the hooks. Returns what it released.
  DelayedFreePending ReleaseAllWorldStopped(void* thread) ABSL_LOCKS_EXCLUDED(mutex_);

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

  // Before first use. `thread` is handed to the hooks; `counters` are its own and
  // outlive every call but those of the destructor and pending(). Null: none.
  void Init(InterpreterDelayedFree* interpreter, void* thread, CounterBlock* counters = nullptr);

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

  // The next entry asks the hooks whether it may be released at once. Called by
  // the thread when it has stopped the world or is left alone.
  void AskAgain() { open_ = nullptr; }

  // HandOver(), then works on the interpreter's queue once, so that a program of
  // short-lived threads does not only ever grow it. `as_thread` is who calls and
  // whom the hooks are told; null: the queue's own thread.
  void Abandon(void* as_thread = nullptr);

  // Releases everything at once, as `as_thread`. The world is stopped, or the
  // caller is alone.
  void ReleaseAllWorldStopped(void* as_thread);

  DelayedFreePending pending() const;

  // Checks I4, I5. Dies when they do not hold.
  void CheckInvariants() const;

  DelayedFreeQueue(const DelayedFreeQueue&) = delete;
  DelayedFreeQueue& operator=(const DelayedFreeQueue&) = delete;

  // Limits after which the write sequence advances and processing is asked for.
  static constexpr int64_t kItemLimit = 127;
  static constexpr int64_t kByteLimit = 1 << 20;
  static_assert(kItemLimit + 1 == kDelayedFreeChunkItems);

 private:
  void Enqueue(uintptr_t tagged, size_t bytes);
  // Enqueue() without an open chunk.
  void EnqueueSlow(uintptr_t tagged, size_t bytes);
  void AppendToOpen(uintptr_t tagged, size_t bytes);
  // The open chunk has reached a limit: seals it and asks for processing.
  void CloseOpen();
  // Gives every entry of our last chunk the same goal.
  void Seal();
  // Makes room for one entry at the end. Returns false when out of memory.
  bool EnsureRoom();
  void Recycle(DelayedFreeChunk* chunk);
  // Releases entries from `list`, which is one of ours, in order. Re-reads the
  // list after every callback.
  int64_t Drain(DelayedFreeList* list, bool ignore_goals, void* as_thread);
  // Releases sealed entries of a list's first chunk, up to and with the next
  // object. Returns how many.
  int64_t ReleaseRun(DelayedFreeChunk* chunk, void* as_thread);
  int64_t DrainInterpreter(void* as_thread);
  void AddPending(int64_t items, int64_t bytes);
  // Brings the counters up to date.
  void Publish();

  // The chunk at the end of own_ while entries may be appended to it; null sends
  // the next entry the slow way.
  DelayedFreeChunk* open_ = nullptr;
  // relaxed: one writer, read by others as a statistic.
  Atomic<int64_t> pending_items_{0};
  Atomic<int64_t> pending_bytes_{0};
  // Of the last chunk's entries without a goal.
  int64_t unsealed_bytes_ = 0;

  InterpreterDelayedFree* interpreter_ = nullptr;
  void* thread_ = nullptr;
  CounterBlock* counters_ = nullptr;
  DelayedFreeList own_;
  DelayedFreeList adopted_;
  // An empty chunk kept for the next; null if there is none.
  DelayedFreeChunk* spare_ = nullptr;
  bool processing_ = false;
  bool should_process_ = false;
  // What is pending of what the counters know of.
  int64_t known_items_ = 0;
  int64_t known_bytes_ = 0;
};

inline void DelayedFreeQueue::AppendToOpen(uintptr_t tagged, size_t bytes) {
  DelayedFreeChunk* const chunk = open_;
  chunk->items[chunk->write_index] = {tagged, static_cast<int64_t>(bytes)};
  ++chunk->write_index;
  AddPending(1, static_cast<int64_t>(bytes));
  unsealed_bytes_ += static_cast<int64_t>(bytes);
  if (chunk->write_index == kDelayedFreeChunkItems || unsealed_bytes_ > kByteLimit) [[unlikely]] {
    CloseOpen();
  }
}

inline void DelayedFreeQueue::Enqueue(uintptr_t tagged, size_t bytes) {
  if (open_ != nullptr) [[likely]] {
    AppendToOpen(tagged, bytes);
  } else {
    EnqueueSlow(tagged, bytes);
  }
}

inline void DelayedFreeQueue::AddPending(int64_t items, int64_t bytes) {
  // relaxed, all: one writer at a time, a statistic for the others.
  pending_items_.store(pending_items_.load(std::memory_order_relaxed) + items,
                       std::memory_order_relaxed);
  pending_bytes_.store(pending_bytes_.load(std::memory_order_relaxed) + bytes,
                       std::memory_order_relaxed);
}

inline void DelayedFreeQueue::FreeMemory(void* block, size_t bytes) {
  if (block == nullptr) return;
  Enqueue(reinterpret_cast<uintptr_t>(block), bytes);
}

inline void DelayedFreeQueue::FreeObject(void* object, size_t bytes) {
  Enqueue(reinterpret_cast<uintptr_t>(object) | 1, bytes);
}

}  // namespace rt

#endif  // RUNTIME_ALLOC_DELAYED_FREE_H_
