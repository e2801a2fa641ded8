// Immortal blocks: they go with their heap, and that is no leak.
//
// Model.  Under AddressSanitizer a block that lives when its bundle is destroyed
// is reported as a leak (leak_token.h). A block said to be immortal loses its
// token and is not reported. Elsewhere nothing happens.
// Thread safety.  The owner of the block. Lock order, fork: as leak_token.h.
#ifndef RUNTIME_ALLOC_IMMORTAL_BLOCK_H_
#define RUNTIME_ALLOC_IMMORTAL_BLOCK_H_

#include "runtime/base/sanitizer.h"

namespace rt {

// `block` is live. Saying so twice is as saying it once.
void HeapNoteImmortalMarked(void* block);
inline void HeapNoteImmortal(void* block) {
  if constexpr (kAddressSanitizer) HeapNoteImmortalMarked(block);
}

}  // namespace rt

#endif  // RUNTIME_ALLOC_IMMORTAL_BLOCK_H_
