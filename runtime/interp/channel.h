// Channels: queues with ends that interpreters hold.
//
// Model.  An interpreter opens the sending or the receiving end of a channel, as often
//   as it likes, and closes it as often. When the last sending end is closed the
//   channel gives what it has and then says kClosed; when the last receiving end is
//   closed it drops what it has, and senders hear kClosed. The ends of an interpreter
//   that is finalized or destroyed are closed for it.
// Invariants.  C1: an end in the list is open at least once, and its interpreter has not
//   been finalized. C2: closed for sending when an end of either side was opened and
//   none is left. The rest as queue.h.
// Thread safety, lock order, fork.  queue.h.
// Source.  CPython Modules/_interpchannelsmodule.c. Differs: no wait records on the
//   sender's stack (gh-123828): a sender has sent when the datum is in the channel.

#ifndef RUNTIME_INTERP_CHANNEL_H_
#define RUNTIME_INTERP_CHANNEL_H_

#include <cstdint>

#include "runtime/interp/cross_data.h"
#include "runtime/interp/exchange.h"
#include "runtime/interp/queue.h"

namespace rt {

enum class ChannelEnd : uint8_t { kSend, kReceive };

[[nodiscard]] ExchangeStatus CreateChannel(Exchange& exchange, const QueueConfig& config,
                                           uint64_t* id);
// For the caller's interpreter. kClosed when the channel is closed for sending.
[[nodiscard]] ExchangeStatus OpenEnd(Exchange& exchange, ThreadState& caller, uint64_t id,
                                     ChannelEnd end);
ExchangeStatus CloseEnd(Exchange& exchange, ThreadState& caller, uint64_t id, ChannelEnd end);
// As PutInQueue() and GetFromQueue(), for interpreters that hold the end.
[[nodiscard]] ExchangeStatus Send(Exchange& exchange, ThreadState& caller, uint64_t id,
                                  CrossData& data, int64_t timeout_ns);
[[nodiscard]] ExchangeStatus Receive(Exchange& exchange, ThreadState& caller, uint64_t id,
                                     CrossData* out, int64_t timeout_ns);
// Closes it whoever holds ends, and releases what is in it.
ExchangeStatus DestroyChannel(Exchange& exchange, uint64_t id);

}  // namespace rt

#endif  // RUNTIME_INTERP_CHANNEL_H_
