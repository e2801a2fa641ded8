// Execution contexts: what the program believes to be its threads.
//
// Model.  All threads of the program run on one OS thread. A context is the
// stack and the thread pointer of a real thread that was started once and
// sleeps for ever; the engine borrows both, so thread_local variables, errno
// and pthread_self() are the context's own and a switch costs no system call.
// Invariants.  I1: a lender touches its stack only above the part it lends.
// I2: exactly one context runs.
// Thread safety.  The engine's OS thread only.
// Fork.  A forked child keeps the lenders' memory though not the lenders, which
// is all a context needs.
// Source.  The idea of a pool of parked lenders is ours; the switch is the usual
// one (boost.context, Linux __switch_to_asm) plus WRFSBASE.
#ifndef STRESSD_EXPLORE_CONTEXT_H_
#define STRESSD_EXPLORE_CONTEXT_H_

#include <stdint.h>

#include "stressd/explore/exchange.h"

namespace explore {

struct Context {
  void* stack_pointer;       // While it does not run.
  uintptr_t thread_pointer;  // The FS base.
  void* fresh_stack;         // Where a new run begins.
  uintptr_t stack_low;       // [low, high) holds its stack and its TLS.
  uintptr_t stack_high;

  bool Holds(uintptr_t address) const { return address >= stack_low && address < stack_high; }
};

class ContextPool {
 public:
  // Adopts the calling OS thread as context 0.
  void AdoptMain();

  // Makes sure that contexts 1 to `count` exist. Starts OS threads.
  void Reserve(uint32_t count);

  // Context `index`, ready to enter `entry` when switched to, its thread-local
  // variables at their initial values. `entry` must not return.
  Context* Prepare(uint32_t index, void (*entry)());

  Context* main() { return &contexts_[0]; }
  uint32_t size() const { return size_; }

 private:
  static void* Lend(void* context);
  void StartLender(Context* context);
  void SaveThreadLocals(uint32_t index);

  uint32_t size_ = 0;
  Context contexts_[kMaxThreads] = {};
  struct Image {
    uint8_t* at;
    uint8_t* initial;
    uint64_t size_bytes;
  };
  static constexpr uint32_t kMaxModules = 16;
  Image images_[kMaxThreads][kMaxModules] = {};
  uint32_t image_count_[kMaxThreads] = {};
  bool used_[kMaxThreads] = {};
};

// Suspends `from`, which is running, and runs `to`.
void SwitchContext(Context* from, Context* to);

}  // namespace explore

#endif  // STRESSD_EXPLORE_CONTEXT_H_
