#include "stressd/explore/engine.h"

#include <stdlib.h>
#include <string.h>

#include "stressd/explore/fork_server.h"
#include "stressd/explore/raw_system.h"

namespace explore {
namespace {

// A thread that goes on for this many decisions while others could run is
// taken for a spin loop that the detector did not recognize.
constexpr uint32_t kPatience = 2000;

SwitchReason ReasonToLeave(bool yielded) {
  return yielded ? SwitchReason::kYielded : SwitchReason::kPreempted;
}

}  // namespace

constinit Engine g_engine;

void Engine::Init() {
  if (initialized()) return;
  exchange_ = AttachExchange();
  stacks_.Init(exchange_->stack_nodes);
  contexts_.AdoptMain();
  shadow_.Reset();
  scheduling_ = true;
  Thread& main = threads_[0];
  ResetThread(main);
  main.started = true;
  main.context = contexts_.main();
  main.handle = main.context->thread_pointer;
  main.clock.Set(0, 1);
  thread_count_ = live_count_ = 1;
  current_ = &main;
}

void Engine::Begin(uint32_t run, bool reset) {
  Result& result = exchange_->result;
  const Request& request = exchange_->request;
  const uint64_t image_base = ImageBase();
  if (reset) {
    shadow_.Reset();
    for (uint32_t i = 1; i < thread_count_; ++i) ResetThread(threads_[i]);
    thread_count_ = live_count_ = 1;
    current_ = &threads_[0];
    current_->clock.Clear();
    current_->clock.Set(0, 1);
    current_->release_fence.Clear();
    current_->acquirable.Clear();
    now_ns_ = 0;
  }
  idle_yields_ = 0;
  run_ = run;
  seed_ = request.seeds[run];
  random_ = Random(Mix(seed_, 1));
  result.verdict = Verdict::kPassed;
  result.status = 0;
  result.model = request.model;
  result.steps = result.points = result.switches = result.preemptions = 0;
  result.run_points[run] = 0;
  result.divergence = 0;
  result.message[0] = '\0';
  result.stack_count = result.segment_count = result.event_count = 0;
  result.dropped = 0;
  result.thread_count = thread_count_;
  result.image_base = image_base;
  memset(result.thread_steps, 0, sizeof(result.thread_steps));
  for (uint32_t i = 0; i < thread_count_; ++i) views_[i] = views_[kDrainAgent + i] = AgentView{};
  buffering_ = request.model != MemoryModel::kSequential;
  may_pass_ = request.model == MemoryModel::kPso;
  filter_ = request.filter_sites != 0 && request.strategy != StrategyKind::kDirected;
  abandoned_ = false;
  detector_.Begin(&shadow_, exchange_->sites, image_base, request.learn_sites != 0,
                  request.detect_races != 0);
  strategy_ = FindStrategy(request.strategy);
  RecordRunning(current_->id);
  strategy_->Begin(exchange_, seed_);
  // Before the first thread there is nobody to race with.
  SetQuiet(thread_count_ == 1);
  running_ = true;
}

void Engine::End() {
  running_ = false;
  exchange_->result.stack_node_count = stacks_.size();
}

void Engine::Announce(const Operation& operation) {
  if (!running_) return;
  Thread& thread = *current_;
  if (thread.buffer != nullptr) thread.buffer->Capture();
  AgentView& view = views_[thread.id];
  ++view.operations;
  Result& result = exchange_->result;
  const Request& request = exchange_->request;
  now_ns_ += kTickNs;
  view.pending = operation;
  if (request.trace != 0) RecordEvent(thread.id, operation, StackOf(thread));
  if (++result.steps > request.max_steps) ReportLivelock();
  result.signatures[run_] = detector_.signature();
  if (alone() || !scheduling_) return;
  bool yielded = thread.spinning || operation.kind == OperationKind::kYield;
  thread.spinning = false;
  // A store that empties a buffer is everybody's business, wherever it goes.
  const bool drains =
      thread.buffer != nullptr && !thread.buffer->empty() &&
      (operation.kind == OperationKind::kAtomicUpdate || operation.memory_order == kSeqCst);
  if (!yielded && filter_ && !drains && IsAccess(operation.kind)) {
    const uint8_t site = exchange_->sites[RaceDetector::SiteIndex(operation.pc, result.image_base)];
    if (site == 1) return;  // Seen, and never shared.
  }
  if (++thread.uninterrupted >= kPatience) yielded = true;
  Schedule(/*can_go_on=*/true, yielded, ReasonToLeave(yielded));
}

bool Engine::CanRun(const Thread& thread) const {
  if (!thread.started || thread.ended) return false;
  if (thread.timed_out) return true;
  const SyncObject* object = thread.object;
  switch (thread.wait) {
    case WaitKind::kNone:
      return true;
    case WaitKind::kMutex:
      return object->owner == kNoThread;
    case WaitKind::kReadLock:
      return object->owner == kNoThread;
    case WaitKind::kWriteLock:
      return object->owner == kNoThread && object->readers == 0;
    case WaitKind::kSemaphore:
      return object->count > 0;
    case WaitKind::kWoken:
      return thread.woken;
    case WaitKind::kOnce:
      return object->state != SyncState::kRunning;
    case WaitKind::kJoin:
      return thread.target->ended;
    case WaitKind::kAllEnded:
      return live_count_ == 1;
  }
  return true;
}

uint32_t Engine::Collect(bool can_go_on, int* position) {
  uint32_t count = 0;
  *position = -1;
  const Thread* early = exchange_->request.eager_timeouts != 0 ? EarliestDeadline() : nullptr;
  for (uint32_t i = 0; i < thread_count_; ++i) {
    const Thread& thread = threads_[i];
    if (&thread == current_ ? !(can_go_on || CanRun(thread)) : !CanRun(thread)) {
      if (&thread != early) continue;
    }
    if (&thread == current_ && can_go_on) *position = static_cast<int>(count);
    agents_[count++] = i;
  }
  if (!buffering_) return count;
  for (uint32_t i = 0; i < thread_count_; ++i) {
    const Thread& thread = threads_[i];
    if (thread.buffer == nullptr || thread.buffer->empty()) continue;
    const BufferedStore& store = (*thread.buffer)[0];
    views_[kDrainAgent + i].pending =
        Operation{OperationKind::kDrain, store.size_bytes, kRelaxed, store.address, store.pc};
    agents_[count++] = kDrainAgent + i;
  }
  return count;
}

void Engine::Schedule(bool can_go_on, bool yielded, SwitchReason reason) {
  Result& result = exchange_->result;
  // All who can run wait in loops for somebody who sleeps: let time pass.
  if (yielded && ++idle_yields_ > 2 * live_count_) {
    idle_yields_ = 0;
    AdvanceClock();
  }
  while (true) {
    int position;
    const uint32_t count = Collect(can_go_on, &position);
    if (count == 0) {
      if (!AdvanceClock()) ReportDeadlock();
      continue;
    }
    uint32_t chosen = agents_[0];
    if (count > 1) {
      ++result.points;
      ++result.run_points[run_];
      ++result.thread_steps[current_->id];
      chosen = strategy_->Choose(ChoicePoint{agents_, count, position, yielded, views_});
    }
    if (chosen >= kDrainAgent) {
      DrainByChoice(threads_[chosen - kDrainAgent]);
      continue;
    }
    Thread& next = threads_[chosen];
    if (!CanRun(next)) Expire(next);  // Its timeout fires before its time has come.
    if (&next != current_) {
      if (reason == SwitchReason::kPreempted) ++result.preemptions;
      SwitchTo(next, reason);
    }
    return;
  }
}

void Engine::SwitchTo(Thread& next, SwitchReason reason) {
  Thread& previous = *current_;
  const AgentView& view = views_[previous.id];
  RecordSegment(previous.id, reason, view.operations,
                reason == SwitchReason::kEnded ? 0 : view.pending.pc);
  RecordRunning(next.id);
  ++exchange_->result.switches;
  previous.uninterrupted = 0;
  if (previous.buffer != nullptr && !previous.buffer->empty()) previous.buffer->Lift();
  if (next.buffer != nullptr && !next.buffer->empty()) next.buffer->Lay();
  current_ = &next;
  SwitchContext(previous.context, next.context);
  // Somebody switched back to us, or the schedule was given up.
  if (abandoned_) __builtin_longjmp(abandon_to_, 1);
}

Thread* Engine::EarliestDeadline() {
  Thread* earliest = nullptr;
  for (uint32_t i = 0; i < thread_count_; ++i) {
    Thread& thread = threads_[i];
    if (thread.ended || thread.wait == WaitKind::kNone || thread.deadline_ns == kNoDeadline) {
      continue;
    }
    if (earliest == nullptr || thread.deadline_ns < earliest->deadline_ns) earliest = &thread;
  }
  return earliest;
}

void Engine::Expire(Thread& thread) {
  if (thread.deadline_ns > now_ns_) now_ns_ = thread.deadline_ns;
  thread.timed_out = true;
  if (thread.object != nullptr) RemoveWaiter(thread.object, thread);
}

bool Engine::AdvanceClock() {
  Thread* earliest = EarliestDeadline();
  if (earliest == nullptr) return false;
  Expire(*earliest);
  return true;
}

bool Engine::Wait(WaitKind kind, SyncObject* object, int64_t deadline_ns, Thread* target) {
  Thread& thread = *current_;
  thread.wait = kind;
  thread.object = object;
  thread.target = target;
  thread.deadline_ns = deadline_ns;
  thread.timed_out = false;
  if (!CanRun(thread)) {
    if (!running_) Begin(0, false);  // The only thread waits: a deadlock before any thread began.
    if (deadline_ns != kNoDeadline && deadline_ns <= now_ns_) {
      Expire(thread);
    } else {
      views_[thread.id].waits = true;
      Schedule(/*can_go_on=*/false, /*yielded=*/false, SwitchReason::kBlocked);
      views_[thread.id].waits = false;
    }
    // Coming back counts as an operation, so that a segment can tell a thread
    // that has not been woken from one that has and waits again.
    AgentView& view = views_[thread.id];
    ++view.operations;
    if (exchange_->request.trace != 0) RecordEvent(thread.id, view.pending, StackOf(thread));
  }
  const bool expired = thread.timed_out;
  thread.wait = WaitKind::kNone;
  thread.object = nullptr;
  thread.deadline_ns = kNoDeadline;
  thread.timed_out = false;
  thread.woken = false;
  return !expired;
}

}  // namespace explore
