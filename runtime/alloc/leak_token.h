// Leak tokens: make LeakSanitizer see blocks that live in mimalloc's memory.
//
// Model.  LeakSanitizer reports memory from malloc() that nothing points to; it
// knows nothing of our heaps. So under AddressSanitizer each block is born with
// a token, a small malloc() block whose allocation stack is the block's. The
// bundle keeps its tokens on a list, hence reachable, and the block holds its
// token's address disguised, in a trailer. Freeing the block frees the token.
// Destroying a bundle while blocks live in it takes all tokens off the list:
// nothing points to them any more, and LeakSanitizer reports each one with the
// stack that allocated the block whose last reference was lost.
// Invariants.  I1: under AddressSanitizer a block in use has one token, on the
// list of the bundle it came from. I2: elsewhere there are no tokens, and the
// list is empty.
// Thread safety.  Any thread: blocks are freed by threads that do not own them.
// Lock order.  The list's mutex is a leaf. Fork.  Blocks are freed by attached
// threads only, which are at a safe point when the process forks: free.
#ifndef RUNTIME_ALLOC_LEAK_TOKEN_H_
#define RUNTIME_ALLOC_LEAK_TOKEN_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "runtime/base/sanitizer.h"
#include "runtime/sync/mutex.h"

namespace rt {

struct LeakToken;

class LeakTokenList {
 public:
  // Makes a token on this list. Returns null when out of memory.
  LeakToken* Add() ABSL_LOCKS_EXCLUDED(mutex_);

  // Frees a token, whichever list it is on.
  static void Remove(LeakToken* token);

  // The list that `token` is on.
  static LeakTokenList* ListOf(LeakToken* token);

  // Lets go of all tokens: they become leaks. Returns how many there were.
  int64_t Abandon() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Mutex mutex_;
  LeakToken* first_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace rt

#endif  // RUNTIME_ALLOC_LEAK_TOKEN_H_
