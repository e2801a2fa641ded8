#include "runtime/alloc/delayed_free.h"

#include <new>
#include <utility>

#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/check.h"
#include "runtime/base/fault_point.h"
#include "runtime/base/raw_memory.h"
#include "runtime/base/slow_path_point.h"
#include "runtime/qsbr/qsbr.h"
#include "runtime/stats/counter_block.h"

namespace rt {

namespace {

constexpr uintptr_t kObjectTag = 1;

void PushBack(DelayedFreeList* list, DelayedFreeChunk* chunk) {
  chunk->next = nullptr;
  if (list->last != nullptr) {
    list->last->next = chunk;
  } else {
    list->first = chunk;
  }
  list->last = chunk;
}

DelayedFreeChunk* PopFront(DelayedFreeList* list) {
  DelayedFreeChunk* const chunk = list->first;
  list->first = chunk->next;
  if (list->first == nullptr) list->last = nullptr;
  chunk->next = nullptr;
  return chunk;
}

void Splice(DelayedFreeList* to, DelayedFreeList from) {
  if (from.first == nullptr) return;
  if (to->last != nullptr) {
    to->last->next = from.first;
  } else {
    to->first = from.first;
  }
  to->last = from.last;
}

int64_t CountChunks(const DelayedFreeList& list) {
  int64_t count = 0;
  for (const DelayedFreeChunk* chunk = list.first; chunk != nullptr; chunk = chunk->next) {
    ++count;
  }
  return count;
}

// Frees the chunks of a list without entries.
void FreeChunks(DelayedFreeList* list) {
  while (list->first != nullptr) RawFree(PopFront(list));
}

// Adds to a cell that one thread writes and others read.
void AddTo(Atomic<int64_t>& cell, int64_t amount) {
  // relaxed: one writer at a time, a statistic for the others.
  cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

}  // namespace

// --- InterpreterDelayedFree -------------------------------------------------

InterpreterDelayedFree::InterpreterDelayedFree(const DelayedFreeHooks& hooks) : hooks_(hooks) {
  RT_CHECK(hooks.qsbr != nullptr && hooks.slot != nullptr && hooks.release_object != nullptr &&
               hooks.is_alone != nullptr && hooks.with_world_stopped != nullptr &&
               hooks.request_processing != nullptr,
           "I2", "a hook of the delayed free is missing");
}

InterpreterDelayedFree::~InterpreterDelayedFree() {
  RT_CHECK(pending().item_count == 0, "I1", "%lld delayed frees are lost",
           static_cast<long long>(pending().item_count));
  MutexLock lock(mutex_);
  FreeChunks(&list_);
}

DelayedFreePending InterpreterDelayedFree::pending() const {
  // relaxed: a statistic, exact when nobody is at it.
  return {item_count_.load(std::memory_order_relaxed), item_bytes_.load(std::memory_order_relaxed)};
}

void InterpreterDelayedFree::Release(uintptr_t tagged, void* as_thread) const {
  void* const address = reinterpret_cast<void*>(tagged & ~kObjectTag);
  if ((tagged & kObjectTag) != 0) {
    hooks_.release_object(hooks_.context, as_thread, address);
  } else {
    HeapFree(address);
  }
}

bool InterpreterDelayedFree::IsReached(uint64_t goal, void* as_thread) const {
  if (hooks_.qsbr->IsReached(goal)) return true;
  // Asked anew each time: a callback may have changed what the slot is.
  const QsbrSlot* const slot = hooks_.slot(hooks_.context, as_thread);
  return slot != nullptr && hooks_.qsbr->Poll(*slot, goal);
}

void InterpreterDelayedFree::Append(DelayedFreeList list, DelayedFreePending counts) {
  MutexLock lock(mutex_);
  Splice(&list_, list);
  AddTo(item_count_, counts.item_count);
  AddTo(item_bytes_, counts.item_bytes);
}

bool InterpreterDelayedFree::TryTake(DelayedFreeList* list, DelayedFreePending* counts) {
  if (!HasEntries()) return false;
  if (!mutex_.TryLock()) return false;
  *list = std::exchange(list_, DelayedFreeList{});
  *counts = pending();
  AddTo(item_count_, -counts->item_count);
  AddTo(item_bytes_, -counts->item_bytes);
  mutex_.Unlock();
  return list->first != nullptr;
}

DelayedFreePending InterpreterDelayedFree::ReleaseAllWorldStopped(void* thread) {
  DelayedFreePending released;
  for (;;) {
    DelayedFreeList list;
    {
      MutexLock lock(mutex_);
      list = std::exchange(list_, DelayedFreeList{});
      // relaxed: see pending().
      item_count_.store(0, std::memory_order_relaxed);
      item_bytes_.store(0, std::memory_order_relaxed);
    }
    if (list.first == nullptr) return released;
    // Nobody else runs, so nobody misses what is only on this stack frame.
    while (list.first != nullptr) {
      DelayedFreeChunk* const chunk = PopFront(&list);
      while (chunk->read_index < chunk->write_index) {
        const DelayedFreeItem item = chunk->items[chunk->read_index++];
        ++released.item_count;
        released.item_bytes += item.bytes;
        Release(item.tagged, thread);
      }
      RawFree(chunk);
    }
  }
}

// --- DelayedFreeQueue -------------------------------------------------------

DelayedFreeQueue::~DelayedFreeQueue() {
  RT_CHECK(pending().item_count == 0, "I1", "%lld delayed frees are lost",
           static_cast<long long>(pending().item_count));
  FreeChunks(&own_);
  FreeChunks(&adopted_);
  RawFree(spare_);
}

void DelayedFreeQueue::Init(InterpreterDelayedFree* interpreter, void* thread,
                            CounterBlock* counters) {
  interpreter_ = interpreter;
  thread_ = thread;
  counters_ = counters;
}

DelayedFreePending DelayedFreeQueue::pending() const {
  // relaxed: a statistic, exact when its thread is not at it.
  return {pending_items_.load(std::memory_order_relaxed),
          pending_bytes_.load(std::memory_order_relaxed)};
}

void DelayedFreeQueue::Publish() {
  if (counters_ == nullptr) return;
  // What was enqueued is what is pending and was not when we were here last: who
  // takes from the queue lowers known_... as well.
  const DelayedFreePending now = pending();
  counters_->Add(Counter::kDelayedFreesEnqueued, now.item_count - known_items_);
  counters_->Add(Counter::kDelayedBytesEnqueued, now.item_bytes - known_bytes_);
  known_items_ = now.item_count;
  known_bytes_ = now.item_bytes;
}

bool DelayedFreeQueue::EnsureRoom() {
  DelayedFreeChunk* const last = own_.last;
  if (last != nullptr && last->write_index < last->end_index) return true;
  DelayedFreeChunk* chunk = std::exchange(spare_, nullptr);
  if (chunk == nullptr) {
    if (FaultPoint("alloc.delayed_chunk")) return false;
    void* const memory = RawAllocate(sizeof(DelayedFreeChunk), alignof(DelayedFreeChunk));
    if (memory == nullptr) return false;
    chunk = new (memory) DelayedFreeChunk;
  }
  if (TakesSlowPath("alloc.delayed_chunk_full")) {
    // Room for one entry.
    chunk->read_index = chunk->sealed_index = chunk->write_index = kDelayedFreeChunkItems - 1;
  }
  PushBack(&own_, chunk);
  unsealed_bytes_ = 0;
  return true;
}

void DelayedFreeQueue::Recycle(DelayedFreeChunk* chunk) {
  if (spare_ != nullptr) {
    RawFree(chunk);
    return;
  }
  chunk->next = nullptr;
  chunk->goal = 0;
  chunk->read_index = chunk->sealed_index = chunk->write_index = 0;
  chunk->end_index = kDelayedFreeChunkItems;
  spare_ = chunk;
}

void DelayedFreeQueue::EnqueueSlow(uintptr_t tagged, size_t bytes) {
  const DelayedFreeHooks& hooks = interpreter_->hooks();
  const bool is_alone = hooks.is_alone(hooks.context, thread_);
  if (is_alone || !EnsureRoom()) {
    // Released after the world has started again, since an object's release
    // may run destructors: whoever could see it was stopped in between.
    if (!is_alone) hooks.with_world_stopped(hooks.context, thread_, [](void*) {}, nullptr);
    if (counters_ != nullptr) counters_->Add(Counter::kDelayedFreesImmediate);
    interpreter_->Release(tagged, thread_);
    return;
  }
  open_ = own_.last;
  AppendToOpen(tagged, bytes);
}

void DelayedFreeQueue::Seal() {
  DelayedFreeChunk* const chunk = own_.last;
  if (chunk == nullptr || chunk->sealed_index == chunk->write_index) return;
  // The new value itself: the goal after it would be one step too late. Entries
  // that were sealed before wait longer than they must, at most once.
  chunk->goal = interpreter_->hooks().qsbr->Advance();
  chunk->sealed_index = chunk->write_index;
  unsealed_bytes_ = 0;
}

void DelayedFreeQueue::CloseOpen() {
  Seal();
  // What comes next gets a chunk of its own: it must not raise this one's goal.
  open_->end_index = open_->write_index;
  open_ = nullptr;
  Publish();
  should_process_ = true;
  const DelayedFreeHooks& hooks = interpreter_->hooks();
  hooks.request_processing(hooks.context, thread_);
}

int64_t DelayedFreeQueue::ReleaseRun(DelayedFreeChunk* chunk, void* as_thread) {
  int64_t count = 0;
  int64_t bytes = 0;
  uintptr_t object = 0;
  // Off the queue before it is released: a callback may come back here.
  while (chunk->read_index < chunk->sealed_index && object == 0) {
    const DelayedFreeItem item = chunk->items[chunk->read_index++];
    ++count;
    bytes += item.bytes;
    if ((item.tagged & kObjectTag) != 0) {
      object = item.tagged;
    } else {
      HeapFree(reinterpret_cast<void*>(item.tagged));
    }
  }
  Publish();
  AddPending(-count, -bytes);
  known_items_ -= count;
  known_bytes_ -= bytes;
  if (counters_ != nullptr) {
    counters_->Add(Counter::kDelayedFreesDone, count);
    counters_->Add(Counter::kDelayedBytesFreed, bytes);
  }
  if (object != 0) interpreter_->Release(object, as_thread);
  return count;
}

int64_t DelayedFreeQueue::Drain(DelayedFreeList* list, bool ignore_goals, void* as_thread) {
  // The chunks of a list that was taken over come from different threads, so
  // one that must wait says nothing of the next.
  const bool is_ordered = list == &own_;
  int64_t turns_left = is_ordered ? 0 : CountChunks(*list) - 1;
  int64_t released_count = 0;
  // The callbacks may add to the list, and a thread that has stopped the world
  // while this one is in a callback may empty it.
  while (DelayedFreeChunk* const chunk = list->first) {
    if (chunk->read_index == chunk->write_index) {
      if (chunk == own_.last) open_ = nullptr;
      Recycle(PopFront(list));
      continue;
    }
    if (ignore_goals) chunk->sealed_index = chunk->write_index;
    const bool is_due = ignore_goals || (chunk->read_index < chunk->sealed_index &&
                                         interpreter_->IsReached(chunk->goal, as_thread));
    if (!is_due) {
      if (turns_left-- <= 0) break;
      PushBack(list, PopFront(list));
      continue;
    }
    released_count += ReleaseRun(chunk, as_thread);
  }
  return released_count;
}

int64_t DelayedFreeQueue::DrainInterpreter(void* as_thread) {
  DelayedFreeList taken;
  DelayedFreePending counts;
  if (!interpreter_->TryTake(&taken, &counts)) return 0;
  // Held by the queue, not by this stack frame: a callback may be suspended for
  // ever, and who finalizes must find everything.
  Splice(&adopted_, taken);
  AddPending(counts.item_count, counts.item_bytes);
  known_items_ += counts.item_count;
  known_bytes_ += counts.item_bytes;
  const int64_t released_count = Drain(&adopted_, /*ignore_goals=*/false, as_thread);
  if (adopted_.first == nullptr) return released_count;
  // Back to where any thread can work on it.
  DelayedFreePending rest;
  for (const DelayedFreeChunk* chunk = adopted_.first; chunk != nullptr; chunk = chunk->next) {
    for (uint32_t i = chunk->read_index; i < chunk->write_index; ++i) {
      ++rest.item_count;
      rest.item_bytes += chunk->items[i].bytes;
    }
  }
  AddPending(-rest.item_count, -rest.item_bytes);
  known_items_ -= rest.item_count;
  known_bytes_ -= rest.item_bytes;
  interpreter_->Append(std::exchange(adopted_, DelayedFreeList{}), rest);
  return released_count;
}

int64_t DelayedFreeQueue::Process() {
  if (processing_) return 0;
  processing_ = true;
  should_process_ = false;
  int64_t released_count = Drain(&own_, /*ignore_goals=*/false, thread_);
  // Entries without a goal wait for ever. Those behind others of their chunk that
  // still wait get theirs afterwards, so that these do not wait for a later one.
  const DelayedFreeChunk* const chunk = own_.last;
  if (chunk != nullptr && chunk->read_index == chunk->sealed_index) Seal();
  Publish();
  released_count += DrainInterpreter(thread_);
  processing_ = false;
  return released_count;
}

void DelayedFreeQueue::HandOver() {
  Seal();
  Publish();
  open_ = nullptr;
  DelayedFreeList all = std::exchange(own_, DelayedFreeList{});
  Splice(&all, std::exchange(adopted_, DelayedFreeList{}));
  const DelayedFreePending counts = pending();
  AddPending(-counts.item_count, -counts.item_bytes);
  known_items_ = known_bytes_ = 0;
  should_process_ = false;
  // A thread that is gone may have been in the middle of Process().
  processing_ = false;
  RawFree(std::exchange(spare_, nullptr));
  if (counts.item_count == 0) {
    FreeChunks(&all);
    return;
  }
  if (counters_ != nullptr) counters_->Add(Counter::kDelayedFreesAbandoned, counts.item_count);
  interpreter_->Append(all, counts);
}

void DelayedFreeQueue::Abandon(void* as_thread) {
  HandOver();
  processing_ = true;
  DrainInterpreter(as_thread != nullptr ? as_thread : thread_);
  processing_ = false;
}

void DelayedFreeQueue::ReleaseAllWorldStopped(void* as_thread) {
  Drain(&own_, /*ignore_goals=*/true, as_thread);
  Drain(&adopted_, /*ignore_goals=*/true, as_thread);
}

void DelayedFreeQueue::CheckInvariants() const {
  DelayedFreePending found;
  for (const DelayedFreeList* list : {&own_, &adopted_}) {
    uint64_t last_goal = 0;
    for (const DelayedFreeChunk* chunk = list->first; chunk != nullptr; chunk = chunk->next) {
      RT_CHECK(chunk->read_index <= chunk->sealed_index &&
                   chunk->sealed_index <= chunk->write_index &&
                   chunk->write_index <= kDelayedFreeChunkItems,
               "I4", "entry %u is next, %u of %u have a goal", chunk->read_index,
               chunk->sealed_index, chunk->write_index);
      const bool is_sealed = chunk->read_index < chunk->sealed_index;
      RT_CHECK(list != &own_ || !is_sealed || last_goal == 0 || !QsbrBefore(chunk->goal, last_goal),
               "I4", "goals decrease");
      if (is_sealed) last_goal = chunk->goal;
      for (uint32_t i = chunk->read_index; i < chunk->write_index; ++i) {
        ++found.item_count;
        found.item_bytes += chunk->items[i].bytes;
      }
    }
  }
  const DelayedFreePending told = pending();
  RT_CHECK(found.item_count == told.item_count && found.item_bytes == told.item_bytes, "I5",
           "%lld entries wait, counted as %lld", static_cast<long long>(found.item_count),
           static_cast<long long>(told.item_count));
}

}  // namespace rt
