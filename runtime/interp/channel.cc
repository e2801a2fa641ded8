#include "runtime/interp/channel.h"

#include <new>

#include "runtime/base/check.h"
#include "runtime/base/raw_memory.h"
#include "runtime/interp/exchange_core.h"

namespace rt {
namespace {

bool HasEndOf(const Conduit& channel, ChannelEnd end) {
  for (const EndRecord* each = channel.ends; each != nullptr; each = each->next) {
    if (each->end == end) return true;
  }
  return false;
}

}  // namespace

EndRecord** ExchangeCore::FindEndLocked(Conduit& channel, uint64_t interpreter_id, ChannelEnd end) {
  EndRecord** link = &channel.ends;
  while (*link != nullptr && ((*link)->interpreter_id != interpreter_id || (*link)->end != end)) {
    link = &(*link)->next;
  }
  return link;
}

EndRecord* ExchangeCore::RemoveEndLocked(Conduit& channel, EndRecord** link, Datum** dropped) {
  EndRecord* const record = *link;
  *link = record->next;
  if (HasEndOf(channel, record->end)) {
    // Others of its interpreter may wait: they are not associated any more.
    WakeAllLocked(channel);
    return record;
  }
  if (record->end == ChannelEnd::kReceive) DropAllLocked(channel, dropped);
  CloseLocked(channel);
  return record;
}

void ExchangeCore::CloseEndsOf(uint64_t interpreter_id) {
  Datum* dropped = nullptr;
  EndRecord* records = nullptr;
  {
    MutexLock lock(mutex);
    for (Conduit* conduit : table) {
      for (; conduit != nullptr; conduit = conduit->next) {
        for (const ChannelEnd end : {ChannelEnd::kSend, ChannelEnd::kReceive}) {
          EndRecord** const link = FindEndLocked(*conduit, interpreter_id, end);
          if (*link == nullptr) continue;
          EndRecord* const record = RemoveEndLocked(*conduit, link, &dropped);
          record->next = records;
          records = record;
        }
        // Waiters of the interpreter, on queues as well, are to be refused.
        WakeAllLocked(*conduit);
      }
    }
  }
  while (records != nullptr) {
    EndRecord* const next = records->next;
    RawFree(records);
    records = next;
  }
  ReleaseList(dropped);
}

ExchangeStatus CreateChannel(Exchange& exchange, const QueueConfig& config, uint64_t* id) {
  return ExchangeCore::Of(exchange).NewConduit(ConduitKind::kChannel, config, id);
}

ExchangeStatus OpenEnd(Exchange& exchange, ThreadState& caller, uint64_t id, ChannelEnd end) {
  RT_CHECK(CurrentThreadState() == &caller, "T2", "open by a thread that is not current");
  ExchangeCore& core = ExchangeCore::Of(exchange);
  void* const memory = RawAllocate(sizeof(EndRecord), alignof(EndRecord));
  if (memory == nullptr) return ExchangeStatus::kOutOfMemory;
  auto* const record = new (memory) EndRecord;
  record->interpreter_id = caller.interpreter->id();
  record->open_count = 1;
  record->end = end;
  ExchangeStatus status = ExchangeStatus::kOk;
  {
    MutexLock lock(core.mutex);
    Conduit* const channel = core.FindLocked(ConduitKind::kChannel, id);
    if (core.finalizing || caller.interpreter->is_finalizing()) {
      status = ExchangeStatus::kFinalizing;
    } else if (channel == nullptr) {
      status = ExchangeStatus::kNotFound;
    } else if (channel->closed) {
      status = ExchangeStatus::kClosed;
    } else {
      EndRecord** const link = core.FindEndLocked(*channel, record->interpreter_id, end);
      if (*link == nullptr) {
        *link = record;
        return ExchangeStatus::kOk;
      }
      ++(*link)->open_count;
    }
  }
  RawFree(record);
  return status;
}

ExchangeStatus CloseEnd(Exchange& exchange, ThreadState& caller, uint64_t id, ChannelEnd end) {
  RT_CHECK(CurrentThreadState() == &caller, "T2", "close by a thread that is not current");
  ExchangeCore& core = ExchangeCore::Of(exchange);
  Datum* dropped = nullptr;
  EndRecord* record = nullptr;
  {
    MutexLock lock(core.mutex);
    Conduit* const channel = core.FindLocked(ConduitKind::kChannel, id);
    if (channel == nullptr) return ExchangeStatus::kNotFound;
    EndRecord** const link = core.FindEndLocked(*channel, caller.interpreter->id(), end);
    if (*link == nullptr) return ExchangeStatus::kNotAssociated;
    if (--(*link)->open_count != 0) return ExchangeStatus::kOk;
    record = core.RemoveEndLocked(*channel, link, &dropped);
  }
  RawFree(record);
  core.ReleaseList(dropped);
  return ExchangeStatus::kOk;
}

ExchangeStatus Send(Exchange& exchange, ThreadState& caller, uint64_t id, CrossData& data,
                    int64_t timeout_ns) {
  return ExchangeCore::Of(exchange).Put({id, ConduitKind::kChannel, caller, timeout_ns}, data);
}

ExchangeStatus Receive(Exchange& exchange, ThreadState& caller, uint64_t id, CrossData* out,
                       int64_t timeout_ns) {
  return ExchangeCore::Of(exchange).Get({id, ConduitKind::kChannel, caller, timeout_ns}, out);
}

ExchangeStatus DestroyChannel(Exchange& exchange, uint64_t id) {
  return ExchangeCore::Of(exchange).DestroyConduit(ConduitKind::kChannel, id);
}

}  // namespace rt
