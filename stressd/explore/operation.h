// What a thread is about to do when the engine decides who runs next.
//
// Model.  Every instrumented access and every interposed call announces itself
// as an Operation before it happens. Strategies see the pending operation of
// every thread and nothing else of the program.
// Thread safety.  Plain data.
#ifndef STRESSD_EXPLORE_OPERATION_H_
#define STRESSD_EXPLORE_OPERATION_H_

#include <stdint.h>

namespace explore {

enum class OperationKind : uint8_t {
  kStart,         // The first step of a thread.
  kRead,          // A plain load.
  kWrite,         // A plain store.
  kAtomicLoad,    // An atomic load.
  kAtomicStore,   // An atomic store.
  kAtomicUpdate,  // An atomic read-modify-write.
  kFence,         // A free-standing fence.
  kLock,          // Taking a mutex or rwlock.
  kUnlock,        // Giving one back.
  kWait,          // Waiting: condition, futex, barrier, semaphore, once.
  kSignal,        // Waking: the same five.
  kCreate,        // Starting a thread.
  kJoin,          // Waiting for a thread's end.
  kYield,         // sched_yield, or a turn of a spin loop found by the engine.
  kSleep,         // nanosleep and its kin.
  kEnd,           // The last step of a thread.
  kDrain,         // A store leaves a store buffer.
};

struct Operation {
  OperationKind kind = OperationKind::kStart;
  uint8_t size_bytes = 0;    // Of the access; 0 for synchronization.
  uint8_t memory_order = 0;  // As the compiler passes it, 0 (relaxed) to 5 (seq_cst).
  uintptr_t address = 0;     // Of the access or of the synchronization object; 0 if none.
  uintptr_t pc = 0;          // The instruction after the call that announced it.
};

inline bool IsAccess(OperationKind kind) {
  return kind >= OperationKind::kRead && kind <= OperationKind::kAtomicUpdate;
}

inline bool IsAtomic(OperationKind kind) {
  return kind >= OperationKind::kAtomicLoad && kind <= OperationKind::kAtomicUpdate;
}

inline bool Modifies(OperationKind kind) {
  return kind != OperationKind::kRead && kind != OperationKind::kAtomicLoad;
}

// Whether the order of the two can matter: same memory or same object, and one
// of them changes it.
inline bool Conflict(const Operation& a, const Operation& b) {
  if (a.address == 0 || b.address == 0) return false;
  if (!Modifies(a.kind) && !Modifies(b.kind)) return false;
  const uintptr_t a_end = a.address + (a.size_bytes == 0 ? 1 : a.size_bytes);
  const uintptr_t b_end = b.address + (b.size_bytes == 0 ? 1 : b.size_bytes);
  return a.address < b_end && b.address < a_end;
}

}  // namespace explore

#endif  // STRESSD_EXPLORE_OPERATION_H_
