#include "runtime/alloc/delayed_free.h"

#include <new>
#include <utility>

#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/check.h"
#include "runtime/base/fault_point.h"
#include "runtime/base/raw_memory.h"
#include "runtime/qsbr/qsbr.h"

namespace rt {

struct DelayedFreeItem {
  uintptr_t tagged;  // Address; bit 0: an object, else a heap block.
  uint64_t goal;
  int64_t bytes;
};

// 254: a chunk of two-word entries was one page in CPython; with the bytes it
// is one and a half.
inline constexpr uint32_t kItemsPerChunk = 254;

// Entries [read_index, write_index) wait.
struct DelayedFreeChunk {
  DelayedFreeChunk* next;
  uint32_t read_index;
  uint32_t write_index;
  DelayedFreeItem items[kItemsPerChunk];
};
// A thread whose queue fills a chunk has been asked to process it before.
static_assert(DelayedFreeQueue::kItemLimit < kItemsPerChunk);

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
  // relaxed: a hint, looked at again under the mutex.
  if (item_count_.load(std::memory_order_relaxed) == 0) return false;
  if (!mutex_.TryLock()) return false;
  *list = std::exchange(list_, DelayedFreeList{});
  *counts = pending();
  AddTo(item_count_, -counts->item_count);
  AddTo(item_bytes_, -counts->item_bytes);
  mutex_.Unlock();
  return list->first != nullptr;
}

void InterpreterDelayedFree::ReleaseAllWorldStopped(void* thread) {
  for (;;) {
    DelayedFreeList list;
    {
      MutexLock lock(mutex_);
      list = std::exchange(list_, DelayedFreeList{});
      // relaxed: see pending().
      item_count_.store(0, std::memory_order_relaxed);
      item_bytes_.store(0, std::memory_order_relaxed);
    }
    if (list.first == nullptr) return;
    // Nobody else runs, so nobody misses what is only on this stack frame.
    while (list.first != nullptr) {
      DelayedFreeChunk* const chunk = PopFront(&list);
      while (chunk->read_index < chunk->write_index) {
        Release(chunk->items[chunk->read_index++].tagged, thread);
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
}

void DelayedFreeQueue::Init(InterpreterDelayedFree* interpreter, void* thread) {
  interpreter_ = interpreter;
  thread_ = thread;
}

DelayedFreePending DelayedFreeQueue::pending() const {
  // relaxed: a statistic, exact when its thread is not at it.
  return {pending_items_.load(std::memory_order_relaxed),
          pending_bytes_.load(std::memory_order_relaxed)};
}

void DelayedFreeQueue::AddPending(int64_t items, int64_t bytes) {
  AddTo(pending_items_, items);
  AddTo(pending_bytes_, bytes);
}

void DelayedFreeQueue::FreeMemory(void* block, size_t bytes) {
  if (block == nullptr) return;
  Enqueue(reinterpret_cast<uintptr_t>(block), bytes);
}

void DelayedFreeQueue::FreeObject(void* object, size_t bytes) {
  Enqueue(reinterpret_cast<uintptr_t>(object) | kObjectTag, bytes);
}

uint64_t DelayedFreeQueue::NextGoal(size_t bytes) {
  ++items_since_advance_;
  bytes_since_advance_ += static_cast<int64_t>(bytes);
  QsbrShared* const qsbr = interpreter_->hooks().qsbr;
  if (items_since_advance_ <= kItemLimit && bytes_since_advance_ <= kByteLimit) {
    return qsbr->DeferredGoal();
  }
  items_since_advance_ = 0;
  bytes_since_advance_ = 0;
  // The new value itself: the goal after it would be one step too late.
  const uint64_t goal = qsbr->Advance();
  should_process_ = true;
  interpreter_->hooks().request_processing(interpreter_->hooks().context, thread_);
  return goal;
}

bool DelayedFreeQueue::EnsureRoom() {
  if (own_.last != nullptr && own_.last->write_index < kItemsPerChunk) {
    return true;
  }
  if (FaultPoint("alloc.delayed_chunk")) return false;
  void* const memory = RawAllocate(sizeof(DelayedFreeChunk), alignof(DelayedFreeChunk));
  if (memory == nullptr) return false;
  PushBack(&own_, new (memory) DelayedFreeChunk());
  return true;
}

void DelayedFreeQueue::Enqueue(uintptr_t tagged, size_t bytes) {
  const DelayedFreeHooks& hooks = interpreter_->hooks();
  ++enqueued_count_;
  if (hooks.is_alone(hooks.context, thread_)) {
    ++released_count_;
    interpreter_->Release(tagged, thread_);
    return;
  }
  if (!EnsureRoom()) {
    // Released after the world has started again, since an object's release
    // may run destructors: whoever could see it was stopped in between.
    hooks.with_world_stopped(hooks.context, thread_, [](void*) {}, nullptr);
    ++released_count_;
    interpreter_->Release(tagged, thread_);
    return;
  }
  const uint64_t goal = NextGoal(bytes);
  DelayedFreeChunk* const chunk = own_.last;
  chunk->items[chunk->write_index] = {tagged, goal, static_cast<int64_t>(bytes)};
  ++chunk->write_index;
  AddPending(1, static_cast<int64_t>(bytes));
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
      if (is_ordered && chunk == list->last) {
        chunk->read_index = chunk->write_index = 0;  // Kept for the next.
        break;
      }
      RawFree(PopFront(list));
      continue;
    }
    const DelayedFreeItem item = chunk->items[chunk->read_index];
    if (!ignore_goals && !interpreter_->IsReached(item.goal, as_thread)) {
      if (turns_left-- <= 0) break;
      PushBack(list, PopFront(list));
      continue;
    }
    // Off the queue before it is released: the callback may come back here.
    ++chunk->read_index;
    AddPending(-1, -item.bytes);
    ++released_count_;
    ++released_count;
    interpreter_->Release(item.tagged, as_thread);
  }
  return released_count;
}

void DelayedFreeQueue::AdvanceToLastGoal() {
  const DelayedFreeChunk* const chunk = own_.last;
  if (chunk == nullptr || chunk->read_index == chunk->write_index) return;
  const uint64_t goal = chunk->items[chunk->write_index - 1].goal;
  QsbrShared* const qsbr = interpreter_->hooks().qsbr;
  if (!QsbrBefore(qsbr->write_sequence(), goal)) return;
  qsbr->Advance();
  items_since_advance_ = 0;
  bytes_since_advance_ = 0;
}

int64_t DelayedFreeQueue::DrainInterpreter(void* as_thread) {
  DelayedFreeList taken;
  DelayedFreePending counts;
  if (!interpreter_->TryTake(&taken, &counts)) return 0;
  // Held by the queue, not by this stack frame: a callback may be suspended for
  // ever, and who finalizes must find everything.
  Splice(&adopted_, taken);
  AddPending(counts.item_count, counts.item_bytes);
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
  interpreter_->Append(std::exchange(adopted_, DelayedFreeList{}), rest);
  return released_count;
}

int64_t DelayedFreeQueue::Process() {
  if (processing_) return 0;
  processing_ = true;
  should_process_ = false;
  AdvanceToLastGoal();
  int64_t released_count = Drain(&own_, /*ignore_goals=*/false, thread_);
  released_count += DrainInterpreter(thread_);
  processing_ = false;
  return released_count;
}

void DelayedFreeQueue::HandOver() {
  AdvanceToLastGoal();
  DelayedFreeList all = std::exchange(own_, DelayedFreeList{});
  Splice(&all, std::exchange(adopted_, DelayedFreeList{}));
  const DelayedFreePending counts = pending();
  AddPending(-counts.item_count, -counts.item_bytes);
  items_since_advance_ = 0;
  bytes_since_advance_ = 0;
  should_process_ = false;
  // A thread that is gone may have been in the middle of Process().
  processing_ = false;
  if (counts.item_count == 0) {
    FreeChunks(&all);
  } else {
    interpreter_->Append(all, counts);
  }
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
    for (const DelayedFreeChunk* chunk = list->first; chunk != nullptr; chunk = chunk->next) {
      for (uint32_t i = chunk->read_index; i < chunk->write_index; ++i) {
        const DelayedFreeItem& item = chunk->items[i];
        RT_CHECK(i == chunk->read_index || !QsbrBefore(item.goal, chunk->items[i - 1].goal), "I4",
                 "goals decrease at entry %u", i);
        ++found.item_count;
        found.item_bytes += item.bytes;
      }
    }
  }
  const DelayedFreePending told = pending();
  RT_CHECK(found.item_count == told.item_count && found.item_bytes == told.item_bytes, "I5",
           "%lld entries wait, counted as %lld", static_cast<long long>(found.item_count),
           static_cast<long long>(told.item_count));
}

}  // namespace rt
