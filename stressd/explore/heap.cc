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

void Heap::Free(void* block, uintptr_t pc) {
  Engine& engine = g_engine;
  Thread& thread = *engine.current();
  const uintptr_t begin = Address(block);
  Cell* first = engine.shadow().Find(begin);
  if (first != nullptr && first->freed_pc != 0) {
    engine.AddStack("freed again by this thread", thread.stack, pc);
    engine.AddStack("freed before", first->freed_stack, first->freed_pc);
    engine.Report(Verdict::kDoubleFree, 0, "double free of 0x%llx by thread %u, freed by thread %u",
                  static_cast<unsigned long long>(begin), thread.id, first->freed_thread);
  }
  engine.DrainAll(thread);
  const size_t size_bytes = malloc_usable_size(block);
  const size_t marked = size_bytes < kMarkedBytes ? size_bytes : kMarkedBytes;
  for (uintptr_t at = begin; at < begin + marked; at += 8) {
    if (engine.shadow().Find(at) != nullptr) {
      // A free is a write to everything somebody has touched.
      const AccessFault fault = engine.detector().Check(thread, at, 8, true, false, pc);
      if (fault.kind != AccessFault::kNone) {
        engine.ReportFault(fault, Operation{OperationKind::kWrite, 8, 0, at, pc}, "free");
      }
    }
    Cell* cell = engine.shadow().FindOrAdd(at);
    cell->freed_pc = pc;
    cell->freed_stack = thread.stack;
    cell->freed_thread = thread.id;
  }
  held_bytes_ += size_bytes;
  blocks_.Push(Block{block, size_bytes});
  while (held_bytes_ > kQuarantineBytes) GiveBack(blocks_[oldest_++]);
}

void Heap::Allocated(void* block, size_t size_bytes) {
  if (!recycled_) return;
  const uintptr_t begin = Address(block);
  g_engine.shadow().Clear(begin, begin + size_bytes);
}

void Heap::Empty() {
  while (oldest_ < blocks_.size()) __libc_free(blocks_[oldest_++].address);
  blocks_.Clear();
  oldest_ = 0;
  held_bytes_ = 0;
}

}  // namespace explore
