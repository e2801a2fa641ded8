// Queues between interpreters: first in, first out, bounded or not.
//
// Model.  A queue belongs to the exchange and is known by its id. PutInQueue() and
//   GetFromQueue() work from any interpreter; where they have to wait they detach, so a
//   waiter holds up no stop. A closed queue takes nothing more and gives what it has. A
//   destroyed one is gone: waiters and latecomers get kNotFound.
//   When an interpreter is destroyed, its data in the queue are kept, copied as they
//   are (OrphanPolicy::kKeep), or dropped; objects and opaque data are always dropped,
//   in their origin, just before it ends.
// Invariants.  exchange.h: INV-XI-2, -3, -4. Q1: put = got + dropped + in the queue.
// Thread safety.  `caller` is current on this OS thread. What can wait counts as a safe
//   point. A waiter is woken for each datum or place; who gives up after it was
//   woken wakes the next one.
// Lock order, fork.  exchange.h.
// Source.  CPython Modules/_interpqueuesmodule.c. Differs: the end of a list is a link,
//   so that a removal cannot forget it (gh-146427); no spinning until waiters are gone.

#ifndef RUNTIME_INTERP_QUEUE_H_
#define RUNTIME_INTERP_QUEUE_H_

#include <cstdint>

#include "runtime/interp/cross_data.h"
#include "runtime/interp/exchange.h"

namespace rt {

// What becomes of data in a queue whose origin is destroyed.
enum class OrphanPolicy : uint8_t { kKeep, kDrop };

struct QueueConfig {
  int64_t capacity = 0;  // Data at a time; 0: no bound.
  OrphanPolicy orphans = OrphanPolicy::kKeep;
};

// Waits: negative without limit, 0 not at all.
inline constexpr int64_t kWaitForEver = -1;

[[nodiscard]] ExchangeStatus CreateQueue(Exchange& exchange, const QueueConfig& config,
                                         uint64_t* id);
// Takes the datum out of `data` when it returns kOk, else leaves it there.
[[nodiscard]] ExchangeStatus PutInQueue(Exchange& exchange, ThreadState& caller, uint64_t id,
                                        CrossData& data, int64_t timeout_ns);
// `out` is released first.
[[nodiscard]] ExchangeStatus GetFromQueue(Exchange& exchange, ThreadState& caller, uint64_t id,
                                          CrossData* out, int64_t timeout_ns);
// kClosed if it was closed before.
ExchangeStatus CloseQueue(Exchange& exchange, uint64_t id);
// Releases what is in it.
ExchangeStatus DestroyQueue(Exchange& exchange, uint64_t id);
// A momentary view; -1 when there is no such queue.
int64_t QueueLength(const Exchange& exchange, uint64_t id);

}  // namespace rt

#endif  // RUNTIME_INTERP_QUEUE_H_
