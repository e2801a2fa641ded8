#include "stressd/explore/heap.h"

#include <malloc.h>

#include "stressd/explore/engine.h"

extern "C" void __libc_free(void* block);

namespace explore {

void Heap::GiveBack(const Block& block) {
  const uintptr_t begin = Address(block.address);
  const size_t marked = block.size_bytes < kMarkedBytes ? block.size_bytes : kMarkedBytes;
  g_engine.shadow().Clear(begin, begin + marked);
  held_bytes_ -= block.size_bytes;
  recycled_ = true;
  __libc_free(block.address);
}

void Heap::Retire(uintptr_t begin, uintptr_t end, uintptr_t probe, uintptr_t pc) {
  Engine& engine = g_engine;
  Thread& thread = *engine.current();
  if (engine.shadow().freed().Holds(probe, probe + 1)) {
    const Block* earlier = FindFreed(probe, 1);
    engine.AddStack("freed again by this thread", engine.StackOf(thread), pc);
    if (earlier != nullptr) engine.AddStack("freed before", earlier->stack, earlier->pc);
    engine.Report(Verdict::kDoubleFree, 0, "double free of 0x%llx by thread %u, freed by thread %u",
                  static_cast<unsigned long long>(begin), thread.id,
                  earlier != nullptr ? earlier->thread : 0);
  }
  engine.DrainAll(thread);
  if (engine.judging()) JudgeFree(begin, end, pc);
  engine.shadow().freed().Mark(begin, end);
}

void Heap::Free(void* block, uintptr_t pc) {
  const uintptr_t begin = Address(block);
  const size_t size_bytes = malloc_usable_size(block);
  Retire(begin, begin + (size_bytes < kMarkedBytes ? size_bytes : kMarkedBytes), begin, pc);
  Thread& thread = *g_engine.current();
  held_bytes_ += size_bytes;
  blocks_.Push(Block{block, size_bytes, pc, g_engine.StackOf(thread), thread.id});
  while (held_bytes_ > kQuarantineBytes) GiveBack(blocks_[oldest_++]);
}

void Heap::Poison(uintptr_t begin, uintptr_t end, uintptr_t pc) {
  // An allocator may use a dead block's first word, and has unpoisoned it then.
  Retire(begin, end, end - 1, pc);
  Thread& thread = *g_engine.current();
  poisoned_.Push(
      Block{reinterpret_cast<void*>(begin), end - begin, pc, g_engine.StackOf(thread), thread.id});
}

void Heap::JudgeFree(uintptr_t begin, uintptr_t end, uintptr_t pc) {
  Engine& engine = g_engine;
  Thread& thread = *engine.current();
  for (uintptr_t at = begin; at < end; at += 8) {
    if (engine.shadow().Find(at) == nullptr) continue;
    // A free is a write to everything somebody has touched.
    const AccessFault fault =
        engine.detector().Check(thread, engine.StackOf(thread), at, 8, true, false, pc);
    if (fault.kind == AccessFault::kNone) continue;
    engine.ReportFault(fault, Operation{OperationKind::kWrite, 8, 0, at, pc}, "free");
  }
}

const Heap::Block* Heap::FindFreed(uintptr_t address, size_t size_bytes) const {
  // The newest first: older ones may have been given back and be another block now.
  const auto touches = [address, size_bytes](const Block& block) {
    const uintptr_t begin = Address(block.address);
    return address < begin + block.size_bytes && begin < address + size_bytes;
  };
  for (uint32_t i = blocks_.size(); i-- > oldest_;) {
    if (touches(blocks_[i])) return &blocks_[i];
  }
  for (uint32_t i = poisoned_.size(); i-- > 0;) {
    if (touches(poisoned_[i])) return &poisoned_[i];
  }
  return nullptr;
}

void Heap::Allocated(void* block, size_t size_bytes) {
  if (!recycled_) return;
  const uintptr_t begin = Address(block);
  g_engine.shadow().Clear(begin, begin + size_bytes);
}

void Heap::Empty() {
  while (oldest_ < blocks_.size()) __libc_free(blocks_[oldest_++].address);
  blocks_.Clear();
  poisoned_.Clear();
  oldest_ = 0;
  held_bytes_ = 0;
}

}  // namespace explore
