#include "runtime/interp/queue.h"

#include "runtime/interp/exchange_core.h"

namespace rt {

ExchangeStatus CreateQueue(Exchange& exchange, const QueueConfig& config, uint64_t* id) {
  return ExchangeCore::Of(exchange).NewConduit(ConduitKind::kQueue, config, id);
}

ExchangeStatus PutInQueue(Exchange& exchange, ThreadState& caller, uint64_t id, CrossData& data,
                          int64_t timeout_ns) {
  return ExchangeCore::Of(exchange).Put({id, ConduitKind::kQueue, caller, timeout_ns}, data);
}

ExchangeStatus GetFromQueue(Exchange& exchange, ThreadState& caller, uint64_t id, CrossData* out,
                            int64_t timeout_ns) {
  return ExchangeCore::Of(exchange).Get({id, ConduitKind::kQueue, caller, timeout_ns}, out);
}

ExchangeStatus CloseQueue(Exchange& exchange, uint64_t id) {
  ExchangeCore& core = ExchangeCore::Of(exchange);
  MutexLock lock(core.mutex);
  Conduit* const queue = core.FindLocked(ConduitKind::kQueue, id);
  if (queue == nullptr) return ExchangeStatus::kNotFound;
  if (queue->closed) return ExchangeStatus::kClosed;
  core.CloseLocked(*queue);
  return ExchangeStatus::kOk;
}

ExchangeStatus DestroyQueue(Exchange& exchange, uint64_t id) {
  return ExchangeCore::Of(exchange).DestroyConduit(ConduitKind::kQueue, id);
}

int64_t QueueLength(const Exchange& exchange, uint64_t id) {
  ExchangeCore& core = ExchangeCore::Of(exchange);
  MutexLock lock(core.mutex);
  const Conduit* const queue = core.FindLocked(ConduitKind::kQueue, id);
  return queue == nullptr ? -1 : queue->count;
}

}  // namespace rt
