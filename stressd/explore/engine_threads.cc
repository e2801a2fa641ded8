// Threads of the engine: their beginning, their end, and queues of waiters.
#include <errno.h>

#include "stressd/explore/engine.h"
#include "stressd/explore/interpose_keys.h"

namespace explore {

void Engine::ResetThread(Thread& thread) {
  StoreBuffer* buffer = thread.buffer;
  ThreadLocalDestructor* none = nullptr;
  thread.clock.Clear();
  thread.release_fence.Clear();
  thread.acquirable.Clear();
  thread.next_waiter = kNoThread;
  thread.started = thread.ended = thread.detached = thread.joined = false;
  thread.woken = thread.timed_out = thread.spinning = false;
  thread.wait = WaitKind::kNone;
  thread.object = nullptr;
  thread.target = nullptr;
  thread.deadline_ns = kNoDeadline;
  thread.uninterrupted = 0;
  thread.spin = SpinDetector{};
  memset(thread.keys, 0, sizeof(thread.keys));
  thread.destructors = none;
  if (buffer != nullptr) buffer->Clear();
}

Thread* Engine::Create(void* (*function)(void*), void* argument, uintptr_t pc) {
  if (thread_count_ == kMaxThreads) return nullptr;
  const uint16_t id = static_cast<uint16_t>(thread_count_);
  Thread& thread = threads_[id];
  ResetThread(thread);
  thread.id = id;
  thread.function = function;
  thread.argument = argument;
  thread.context = contexts_.Prepare(id, &Engine::ThreadEntry);
  thread.handle = thread.context->thread_pointer;
  thread.calls.Clear();
  thread.creator = current_->id;
  thread.creation_stack = StackOf(*current_);
  thread.creation_pc = pc;
  thread.clock.Assign(current_->clock);
  thread.clock.Set(id, 1);
  detector_.Tick(*current_);
  SetQuiet(false);
  thread.started = true;
  views_[id] = AgentView{Operation{OperationKind::kStart, 0, 0, 0, 0}, 1, false};
  views_[kDrainAgent + id] = AgentView{};
  ++thread_count_;
  ++live_count_;
  exchange_->result.thread_count = thread_count_;
  return &thread;
}

void Engine::ThreadEntry() {
  // No reference is kept over the call: `current_` is this thread's again when
  // it returns.
  void* result = g_engine.current_->function(g_engine.current_->argument);
  g_engine.FinishThread(result);
}

void Engine::RunDestructors(Thread& thread) {
  while (thread.destructors != nullptr) {
    ThreadLocalDestructor* destructor = thread.destructors;
    thread.destructors = destructor->next;
    destructor->function(destructor->object);
    // The record is the C library's block: see interpose_keys.cc.
    FreeDestructorRecord(destructor);
  }
  RunKeyDestructors(thread);
}

void Engine::FinishThread(void* result) {
  Thread& thread = *current_;
  thread.result = result;
  RunDestructors(thread);
  Announce(OperationKind::kEnd, 0, 0);
  DrainAll(thread);
  detector_.Tick(thread);
  thread.ended = true;
  views_[thread.id].ended = true;
  ++views_[thread.id].operations;  // A segment up to here can only mean the whole thread.
  --live_count_;
  Schedule(/*can_go_on=*/false, /*yielded=*/false, SwitchReason::kEnded);
  __builtin_trap();  // Nobody switches back to an ended thread.
}

void Engine::SetQuiet(bool quiet) {
  quiet_ = quiet;
  quick_ = quiet && exchange_->request.trace == 0;
}

void Engine::NoteJoined() {
  if (!alone()) return;
  for (uint32_t i = 0; i < thread_count_; ++i) {
    // Detached threads end without telling anybody.
    if (current_->clock.Get(i) < threads_[i].clock.Get(i)) return;
  }
  SetQuiet(true);
}

Thread* Engine::FindThread(pthread_t handle) {
  for (uint32_t i = thread_count_; i-- > 0;) {
    if (threads_[i].handle == handle) return &threads_[i];
  }
  return nullptr;
}

void Engine::Enqueue(SyncObject* object) {
  Thread& thread = *current_;
  thread.next_waiter = kNoThread;
  thread.woken = false;
  if (object->first_waiter == kNoThread) {
    object->first_waiter = thread.id;
  } else {
    threads_[object->last_waiter].next_waiter = thread.id;
  }
  object->last_waiter = thread.id;
}

void Engine::RemoveWaiter(SyncObject* object, Thread& thread) {
  uint16_t before = kNoThread;
  for (uint16_t at = object->first_waiter; at != kNoThread; at = threads_[at].next_waiter) {
    if (at == thread.id) {
      if (before == kNoThread) {
        object->first_waiter = thread.next_waiter;
      } else {
        threads_[before].next_waiter = thread.next_waiter;
      }
      if (object->last_waiter == thread.id) object->last_waiter = before;
      thread.next_waiter = kNoThread;
      return;
    }
    before = at;
  }
}

bool Engine::WakeOne(SyncObject* object, bool random) {
  uint32_t count = 0;
  for (uint16_t at = object->first_waiter; at != kNoThread; at = threads_[at].next_waiter) ++count;
  if (count == 0) return false;
  uint32_t skip = 0;
  if (random && count > 1) {
    // From the schedule's seed and not from the strategy: the same in a replay.
    skip = static_cast<uint32_t>(Mix(seed_, views_[current_->id].operations) % count);
  }
  uint16_t chosen = object->first_waiter;
  while (skip-- > 0) chosen = threads_[chosen].next_waiter;
  Thread& thread = threads_[chosen];
  RemoveWaiter(object, thread);
  thread.woken = true;
  return true;
}

}  // namespace explore
