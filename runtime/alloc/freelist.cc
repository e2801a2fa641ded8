#include "runtime/alloc/freelist.h"

#include <utility>

#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/base/sanitizer.h"

namespace rt {
namespace {

// The link is the block's first word. Relaxed: the list is its thread's own;
// readers of a dead object's owner word see some value and compare it with
// their id, which no address is.
void* LoadLink(void* block) { return LoadRelaxed(static_cast<void**>(block)); }

void StoreLink(void* block, void* next) { StoreRelaxed(static_cast<void**>(block), next); }

void ReleaseToHeap(void* /*argument*/, void* block) { HeapFree(block); }

}  // namespace

void Freelist::Poison(void* block) const {
  PoisonMemory(static_cast<char*>(block) + probe_bytes_, block_bytes_ - probe_bytes_);
}

void Freelist::Unpoison(void* block) const { UnpoisonMemory(block, block_bytes_); }

bool Freelist::Push(void* block) {
  if constexpr (RT_FREELISTS == 0) return false;
  if (size_ < 0 || size_ >= limit_) return false;
  MarkMemoryAsWritten(static_cast<char*>(block) + probe_bytes_, block_bytes_ - probe_bytes_);
  StoreLink(block, head_);
  Poison(block);
  head_ = block;
  ++size_;
  return true;
}

void* Freelist::Pop() {
  void* const block = head_;
  if (block == nullptr) return nullptr;
  head_ = LoadLink(block);
  --size_;
  RT_DCHECK(size_ >= 0 && (size_ == 0) == (head_ == nullptr), "I1",
            "%d blocks counted, the chain says otherwise", size_);
  Unpoison(block);
  HeapNoteNewLife(block);
  return block;
}

void Freelist::Clear(Release release, void* argument) {
  if (release == nullptr) release = &ReleaseToHeap;
  void* block = std::exchange(head_, nullptr);
  if (size_ > 0) size_ = 0;
  while (block != nullptr) {
    void* const next = LoadLink(block);
    Unpoison(block);
    release(argument, block);
    block = next;
  }
}

void Freelist::Disable(Release release, void* argument) {
  void* const head = std::exchange(head_, nullptr);
  size_ = -1;  // Before the callbacks: what they push must be refused.
  Freelist rest(limit_, block_bytes_, probe_bytes_);
  rest.head_ = head;
  rest.Clear(release, argument);
}

void Freelist::CheckInvariants() const {
  int32_t count = 0;
  for (void* block = head_; block != nullptr; block = LoadLink(block)) {
    ++count;
    RT_CHECK(count <= limit_, "I1", "the chain is longer than %d", limit_);
  }
  RT_CHECK(count == (size_ < 0 ? 0 : size_), "I1", "%d blocks, counted as %d", count, size_);
}

}  // namespace rt
