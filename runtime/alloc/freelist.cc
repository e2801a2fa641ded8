#include "runtime/alloc/freelist.h"

#include <utility>

#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/base/sanitizer.h"

namespace rt {
namespace {

void ReleaseToHeap(void* /*argument*/, void* block) { HeapFree(block); }

}  // namespace

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
