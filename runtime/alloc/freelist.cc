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
  while (block != nullptr) {
    void* const next = LoadLink(block);
    Unpoison(block);
    release(argument, block);
    block = next;
  }
}

void Freelist::Disable(Release release, void* argument) {
  void* const head = std::exchange(head_, nullptr);
  room_ = 0;  // Before the callbacks: what they push must be refused.
  enabled_ = false;
  Freelist rest(limit_, block_bytes_, probe_bytes_);
  rest.head_ = head;
  rest.Clear(release, argument);
}

void Freelist::CheckInvariants() const {
  uint32_t depth = DepthOf(head_);
  RT_CHECK(depth <= room_, "I1", "%u blocks, of at most %u", depth, room_);
  for (void* block = head_; block != nullptr; block = LoadLink(block), --depth) {
    RT_CHECK(depth > 0 && DepthOf(block) == depth, "I1", "%u blocks counted where %u are left",
             DepthOf(block), depth);
  }
  RT_CHECK(depth == 0, "I1", "the chain ends %u blocks too early", depth);
}

}  // namespace rt
