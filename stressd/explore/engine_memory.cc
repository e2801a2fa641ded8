// Memory as the threads see it: accesses, store buffers, spin loops.
#include <string.h>

#include "stressd/explore/array.h"
#include "stressd/explore/engine.h"

namespace explore {

void Engine::AccessJudged(OperationKind kind, uintptr_t address, uint32_t size_bytes, int order,
                          uintptr_t pc) {
  const Operation operation{kind, static_cast<uint8_t>(size_bytes), static_cast<uint8_t>(order),
                            address, pc};
  Announce(operation);
  Judge(kind, address, size_bytes, pc);
  if (!buffering() || kind != OperationKind::kWrite) return;
  if (size_bytes > sizeof(BufferedStore::value) || current_->context->Holds(address)) {
    DrainAll(*current_);
    return;
  }
  if (current_->buffer == nullptr) {
    current_->buffer = static_cast<StoreBuffer*>(MapPages(sizeof(StoreBuffer)));
  }
  StoreBuffer& buffer = *current_->buffer;
  if (buffer.full()) Drain(*current_, 0, /*laid=*/true);
  buffer.Push(address, static_cast<uint8_t>(size_bytes), nullptr).pc = pc;
}

void Engine::Judge(OperationKind kind, uintptr_t address, uint32_t size_bytes, uintptr_t pc) {
  if (!scheduling_) return;
  const bool write = Modifies(kind);
  AccessFault fault;
  if (judging()) {
    if (write) NoteProgress();
    fault = detector_.Check(*current_, StackOf(*current_), address, size_bytes, write,
                            IsAtomic(kind), pc);
  } else if (shadow_.freed().Holds(address, address + size_bytes)) {
    fault.kind = AccessFault::kFreed;
  }
  if (fault.kind == AccessFault::kNone) return;
  fault.size_bytes = size_bytes;
  const uint8_t size = static_cast<uint8_t>(size_bytes < 255 ? size_bytes : 255);
  // No single access is wider than 16 bytes.
  ReportFault(fault, Operation{kind, size, 0, address, pc},
              size_bytes <= 16 ? "access" : "memory function");
}

void Engine::BufferedAtomicStore(uintptr_t address, uint32_t size_bytes, int order,
                                 const void* value, uintptr_t pc) {
  if (current_->context->Holds(address)) {
    DrainAll(*current_);
    memcpy(reinterpret_cast<void*>(address), value, size_bytes);
    VectorClock release;
    detector_.StoreClock(*current_, order, release);
    detector_.Publish(address, release);
    return;
  }
  if (current_->buffer == nullptr) {
    current_->buffer = static_cast<StoreBuffer*>(MapPages(sizeof(StoreBuffer)));
  }
  StoreBuffer& buffer = *current_->buffer;
  if (buffer.full()) Drain(*current_, 0, /*laid=*/true);
  BufferedStore& store = buffer.Push(address, static_cast<uint8_t>(size_bytes), value);
  store.pc = pc;
  store.atomic = true;
  store.ordered = Releases(order);
  detector_.StoreClock(*current_, order, store.release);
}

void Engine::Drain(Thread& thread, uint32_t position, bool laid) {
  StoreBuffer& buffer = *thread.buffer;
  buffer.Capture();
  const BufferedStore& store = buffer[position];
  if (store.atomic) detector_.Publish(store.address, store.release);
  detector_.Touch(thread, store.address, store.pc, /*modifies=*/true);
  buffer.Drain(position, laid);
}

void Engine::DrainAll(Thread& thread) {
  if (thread.buffer == nullptr) return;
  while (!thread.buffer->empty()) Drain(thread, 0, &thread == current_);
}

void Engine::DrainByChoice(Thread& thread) {
  AgentView& view = views_[kDrainAgent + thread.id];
  ++view.operations;
  StoreBuffer& buffer = *thread.buffer;
  const uint32_t eligible = buffer.EligibleCount(may_pass_);
  const uint32_t agent = kDrainAgent + thread.id;
  const uint32_t pick = eligible > 1 ? strategy_->PickStore(agent, view.operations, eligible) : 0;
  const uint32_t position = buffer.Eligible(may_pass_, pick);
  const AgentView& running = views_[current_->id];
  RecordSegment(current_->id, running.waits ? SwitchReason::kBlocked : SwitchReason::kDrained,
                running.operations, running.pending.pc);
  RecordSegment(agent, SwitchReason::kDrained, view.operations, buffer[position].pc,
                static_cast<uint16_t>(pick));
  RecordRunning(current_->id);
  if (exchange_->request.trace != 0) RecordEvent(agent, view.pending, 0);
  const bool other = &thread != current_;
  StoreBuffer* mine = current_->buffer;
  // The drained store goes beneath what the running thread has laid over memory.
  if (other && mine != nullptr && !mine->empty()) mine->Lift();
  Drain(thread, position, /*laid=*/!other);
  if (other && mine != nullptr && !mine->empty()) mine->Lay();
}

void Engine::NoteReadOfMany(uintptr_t address, uint32_t size_bytes, uintptr_t pc) {
  if (size_bytes > 8) return;
  uint64_t value = 0;
  memcpy(&value, reinterpret_cast<const void*>(address), size_bytes);
  // Its own store drains by choice: a thread that waits for that must not be
  // taken for one that makes progress.
  const uint64_t hash = Mix(pc ^ Mix(address ^ Mix(value)));
  if (current_->spin.Read(hash)) current_->spinning = true;
}

}  // namespace explore
