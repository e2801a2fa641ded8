// What the engine writes down: findings, segments, events.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "stressd/explore/engine.h"
#include "stressd/explore/fork_server.h"
#include "stressd/explore/raw_system.h"

namespace explore {
namespace {

const char* AccessName(const Access& access) {
  if (access.write) return access.atomic ? "atomic write" : "write";
  return access.atomic ? "atomic read" : "read";
}

const char* OperationName(OperationKind kind) {
  switch (kind) {
    case OperationKind::kWrite:
      return "write";
    case OperationKind::kAtomicLoad:
      return "atomic read";
    case OperationKind::kAtomicStore:
    case OperationKind::kAtomicUpdate:
      return "atomic write";
    default:
      return "read";
  }
}

}  // namespace

void Engine::RecordSegment(uint32_t agent, SwitchReason reason, uint64_t until, uint64_t pc,
                           uint16_t pick) {
  Result& result = exchange_->result;
  if (result.segment_count == kMaxSegments - 1) {
    ++result.dropped;
    return;
  }
  exchange_->segments[result.segment_count++] = Segment{agent, reason, pick, until, pc};
}

void Engine::RecordRunning(uint32_t agent) {
  exchange_->segments[exchange_->result.segment_count] =
      Segment{agent, SwitchReason::kEnded, 0, kNoEnd, 0};
}

void Engine::RecordEvent(uint32_t agent, const Operation& operation, uint32_t stack) {
  Result& result = exchange_->result;
  if (result.event_count == kMaxEvents) {
    ++result.dropped;
    return;
  }
  exchange_->events[result.event_count++] = Event{static_cast<uint16_t>(agent),
                                                  static_cast<uint8_t>(operation.kind),
                                                  operation.size_bytes,
                                                  stack,
                                                  operation.address,
                                                  operation.pc};
}

void Engine::AddStack(const char* title, uint32_t stack, uintptr_t pc) {
  Result& result = exchange_->result;
  if (result.stack_count == kMaxFindingStacks) return;
  FindingStack& finding = result.stacks[result.stack_count++];
  snprintf(finding.title, sizeof(finding.title), "%s", title);
  finding.frame_count = stacks_.Frames(stack, pc, finding.frames, kMaxFrames);
}

void Engine::Report(Verdict verdict, int status, const char* format, ...) {
  Result& result = exchange_->result;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(result.message, sizeof(result.message), format, arguments);
  va_end(arguments);
  result.verdict = verdict;
  result.status = status;
  End();
  if (abandon_to_ == nullptr) LeaveProcess();
  // A kernel program goes on with its next schedule: back to its loop, which
  // stands on the main context.
  abandoned_ = true;
  Thread* main = &threads_[0];
  Thread* from = current_;
  if (from->buffer != nullptr && !from->buffer->empty()) from->buffer->Lift();
  current_ = main;
  if (from == main) __builtin_longjmp(abandon_to_, 1);
  SwitchContext(from->context, main->context);
  __builtin_trap();
}

void Engine::ReportFault(const AccessFault& fault, const Operation& operation, const char* what) {
  char title[96];
  snprintf(title, sizeof(title), "%s of %u bytes at 0x%llx by thread %u",
           OperationName(operation.kind), operation.size_bytes,
           static_cast<unsigned long long>(operation.address), current_->id);
  AddStack(title, StackOf(*current_), operation.pc);
  if (fault.kind == AccessFault::kFreed) {
    const Heap::Block* block = heap_.FindFreed(operation.address, fault.size_bytes);
    if (block != nullptr) {
      char freed[96];
      snprintf(freed, sizeof(freed), "freed by thread %u", block->thread);
      AddStack(freed, block->stack, block->pc);
    }
    Report(Verdict::kUseAfterFree, 0, "%s of %u bytes of freed memory at 0x%llx by thread %u",
           OperationName(operation.kind), operation.size_bytes,
           static_cast<unsigned long long>(operation.address), current_->id);
  }
  char earlier[96];
  snprintf(earlier, sizeof(earlier), "%s by thread %u, not ordered before it",
           AccessName(fault.earlier), fault.earlier.thread);
  AddStack(earlier, fault.earlier.stack, fault.earlier.pc);
  Report(Verdict::kDataRace, 0,
         "data race: %s (%s) by thread %u and earlier %s by thread %u at 0x%llx",
         OperationName(operation.kind), what, current_->id, AccessName(fault.earlier),
         fault.earlier.thread, static_cast<unsigned long long>(operation.address));
}

const char* Engine::WaitText(const Thread& thread, char* text, uint32_t size) {
  const unsigned long long address =
      thread.object != nullptr ? static_cast<unsigned long long>(thread.object->address) : 0;
  switch (thread.wait) {
    case WaitKind::kMutex:
    case WaitKind::kReadLock:
    case WaitKind::kWriteLock:
      if (thread.object->owner != kNoThread) {
        snprintf(text, size, "thread %u waits for lock 0x%llx held by thread %u", thread.id,
                 address, thread.object->owner);
      } else {
        snprintf(text, size, "thread %u waits for lock 0x%llx held by %u readers", thread.id,
                 address, thread.object->readers);
      }
      break;
    case WaitKind::kSemaphore:
      snprintf(text, size, "thread %u waits for semaphore 0x%llx", thread.id, address);
      break;
    case WaitKind::kJoin:
      snprintf(text, size, "thread %u joins thread %u", thread.id, thread.target->id);
      break;
    case WaitKind::kAllEnded:
      snprintf(text, size, "the kernel waits for its threads");
      break;
    case WaitKind::kOnce:
      snprintf(text, size, "thread %u waits for once 0x%llx run by thread %u", thread.id, address,
               thread.object->owner);
      break;
    default:
      snprintf(text, size, "thread %u waits at 0x%llx for somebody to wake it", thread.id, address);
  }
  return text;
}

void Engine::AddThreadStacks() {
  for (uint32_t i = 0; i < thread_count_; ++i) {
    Thread& thread = threads_[i];
    if (!thread.started || thread.ended) continue;
    char title[96];
    if (thread.wait == WaitKind::kNone) {
      snprintf(title, sizeof(title), "thread %u can run", i);
    } else {
      WaitText(thread, title, sizeof(title));
    }
    AddStack(title, StackOf(thread), views_[i].pending.pc);
  }
}

void Engine::ReportDeadlock() {
  // A cycle, if there is one: from each thread to the one it waits for.
  char cycle[800];
  cycle[0] = '\0';
  for (uint32_t start = 0; start < thread_count_ && cycle[0] == '\0'; ++start) {
    uint32_t at = start;
    uint32_t used = 0;
    char chain[800];
    chain[0] = '\0';
    for (uint32_t turn = 0; turn < thread_count_ && !threads_[at].ended; ++turn) {
      const Thread& thread = threads_[at];
      uint32_t next = kNoThread;
      if (thread.wait == WaitKind::kJoin) next = thread.target->id;
      if (thread.wait != WaitKind::kJoin && thread.object != nullptr) next = thread.object->owner;
      if (next == kNoThread || used + 128 > sizeof(chain)) break;
      char text[96];
      used += static_cast<uint32_t>(snprintf(chain + used, sizeof(chain) - used, "%s%s",
                                             used == 0 ? "" : "; ",
                                             WaitText(thread, text, sizeof(text))));
      at = next;
      if (at == start) {
        snprintf(cycle, sizeof(cycle), "%s", chain);
        break;
      }
    }
  }
  AddThreadStacks();
  if (cycle[0] != '\0') Report(Verdict::kDeadlock, 0, "deadlock: %s", cycle);
  Report(Verdict::kDeadlock, 0, "deadlock: %u threads wait and nobody can wake them", live_count_);
}

void Engine::ReportLivelock() {
  AddThreadStacks();
  Report(Verdict::kLivelock, 0, "no end after %llu operations",
         static_cast<unsigned long long>(exchange_->request.max_steps));
}

}  // namespace explore
