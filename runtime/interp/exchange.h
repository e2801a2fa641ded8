// The exchange: everything that passes between the interpreters of one runtime.
//
// Model.  Interpreters share no objects. What one of them gives another is a datum
//   (cross_data.h): an immutable value that carries the id of its origin and is
//   released there. Data are handed over through queues (queue.h) and channels
//   (channel.h), which belong to the exchange and to no interpreter, and are known by
//   ids that are never reused. One exchange serves one runtime.
// Invariants.  INV-XI-1: a datum is released exactly once: in its origin, or, when
//   that is gone, by whoever holds it. INV-XI-2: the count of a queue is the length of
//   its list, first and last are its ends. INV-XI-3: nobody waits on a queue that was
//   freed. INV-XI-4: no datum in a queue names an interpreter that was destroyed.
//   INV-XI-6: an object in somebody's hand keeps its interpreter leased. INV-XI-7:
//   data in hands + in queues + pending + being released = live = made - released.
// Thread safety.  Create() and the destructor: as RuntimeExtension (before a second
//   thread uses the runtime; after the last one does, or after Runtime::Finalize()).
//   The rest: any OS thread.
// Lock order.  One mutex, above lifecycle_mutex (runtime/LOCK_ORDER.md). No destructor
//   and no release function runs under it, nobody waits for anything under it, so it
//   may be waited for while detached.
// Fork.  Carried over by Fork(): in the child everything in queues is there, nobody
//   waits; a datum in the hand of a vanished thread is lost with that thread.
// Finalization.  When the runtime is finalized every queue and channel is emptied and
//   every waiter refused; data in hands can still be read and released.
// Source.  CPython Python/crossinterp.c, Modules/_interpqueuesmodule.c,
//   Modules/_interpchannelsmodule.c. Differs: an object of one runtime, no globals;
//   release cannot be refused or lost; waiters are records of nobody's stack.

#ifndef RUNTIME_INTERP_EXCHANGE_H_
#define RUNTIME_INTERP_EXCHANGE_H_

#include <cstdint>
#include <memory>

#include "runtime/runtime.h"

namespace rt {

class ExchangeCore;

// How an operation of the exchange ended.
enum class ExchangeStatus : uint8_t {
  kOk,
  kNotFound,       // No queue or channel has this id (any more).
  kClosed,         // Closed, and for takers: empty as well.
  kTimedOut,       // The time passed; with 0: it would have had to wait.
  kNotAssociated,  // The caller's interpreter holds no such end of the channel.
  kEmptyHanded,    // The datum to give is empty.
  kOutOfMemory,
  kFinalizing,  // The runtime is being finalized.
  kShutDown,    // The caller's thread state was shut down while it waited.
};

// One sentence for people.
const char* TextOf(ExchangeStatus status);

// What an exchange holds and has done, at one moment.
struct ExchangeReading {
  int64_t live_count = 0;  // Data not yet released, anywhere. 0: nothing is left over.
  int64_t live_bytes = 0;  // Their payloads.
  // Live, by where they are.
  int64_t in_hand_count = 0;
  int64_t queued_count = 0;
  int64_t pending_count = 0;    // Wait for a safe point of their origin.
  int64_t releasing_count = 0;  // Somebody is at it right now.
  int64_t memory_count = 0;     // Blocks of shared memory.
  int64_t queue_count = 0;      // Queues and channels that exist.
  int64_t removed_count = 0;    // Destroyed ones that a waiter has yet to leave.
  int64_t waiter_count = 0;
  // Since the start.
  int64_t made_count = 0;
  int64_t released_home_count = 0;      // In the origin.
  int64_t released_orphaned_count = 0;  // By the holder: the origin was gone.
  int64_t released_early_count = 0;     // By the holder: the origin lagged too far.

  int64_t released_count() const {
    return released_home_count + released_orphaned_count + released_early_count;
  }
};

struct ExchangeConfig {
  // Releases that may wait for safe points of their origins. Beyond either limit data
  // that any thread may release (all kinds but opaque) are released where they are:
  // an origin that reaches no safe point pins no unbounded memory.
  int64_t pending_limit_count = 4096;
  int64_t pending_limit_bytes = 1 << 20;
};

class Exchange {
 public:
  // Returns null when memory ran out.
  [[nodiscard]] static std::unique_ptr<Exchange> Create(Runtime& runtime,
                                                        const ExchangeConfig& config = {});
  // Removes every queue and channel. Waits until no refused thread is inside. Data
  // in hands stay valid, and are released by who holds them.
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  Runtime& runtime() const { return runtime_; }
  ExchangeReading Read() const;

  // Dies if an invariant is broken. Any thread: what it looks at changes under one
  // mutex. Every check of a stopped world of the runtime does this too.
  void CheckInvariantsWorldStopped() const;

 private:
  friend class ExchangeCore;
  Exchange(Runtime& runtime, ExchangeCore* core);

  Runtime& runtime_;
  ExchangeCore* const core_;
  RuntimeExtension extension_;
};

}  // namespace rt

#endif  // RUNTIME_INTERP_EXCHANGE_H_
