// What queues and channels have in common: the table, the lists, the waiting.

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/futex.h"
#include "runtime/base/raw_memory.h"
#include "runtime/interp/exchange_core.h"

namespace rt {
namespace {

constexpr int64_t kNoDeadline = INT64_MAX;

int64_t DeadlineOf(int64_t timeout_ns) {
  if (timeout_ns < 0) return kNoDeadline;
  // Looking at the clock is needless when nothing is waited for.
  if (timeout_ns == 0) return 0;
  const int64_t now_ns = MonotonicNanoseconds();
  return timeout_ns > kNoDeadline - now_ns ? kNoDeadline : now_ns + timeout_ns;
}

bool HasPassed(int64_t deadline_ns) {
  if (deadline_ns == kNoDeadline) return false;
  return deadline_ns == 0 || MonotonicNanoseconds() >= deadline_ns;
}

}  // namespace

void FreeConduit(Conduit* conduit) {
  while (conduit->ends != nullptr) {
    EndRecord* const end = conduit->ends;
    conduit->ends = end->next;
    RawFree(end);
  }
  std::destroy_at(conduit);
  RawFree(conduit);
}

ExchangeStatus ExchangeCore::NewConduit(ConduitKind kind, const QueueConfig& queue_config,
                                        uint64_t* id) {
  void* const memory = RawAllocate(sizeof(Conduit), alignof(Conduit));
  if (memory == nullptr) return ExchangeStatus::kOutOfMemory;
  auto* const conduit = new (memory) Conduit;
  conduit->kind = kind;
  conduit->config = queue_config;
  {
    MutexLock lock(mutex);
    if (!finalizing) {
      conduit->id = next_id++;
      Conduit*& head = table[conduit->id % kBucketCount];
      conduit->next = head;
      head = conduit;
      ++figures.queue_count;
      *id = conduit->id;
      return ExchangeStatus::kOk;
    }
  }
  FreeConduit(conduit);
  return ExchangeStatus::kFinalizing;
}

Conduit* ExchangeCore::FindLocked(ConduitKind kind, uint64_t id) {
  Conduit* conduit = table[id % kBucketCount];
  while (conduit != nullptr && conduit->id != id) conduit = conduit->next;
  return conduit != nullptr && conduit->kind == kind ? conduit : nullptr;
}

ExchangeStatus ExchangeCore::LookLocked(const ConduitRequest& request, ChannelEnd end,
                                        Conduit** out) {
  if (finalizing) return ExchangeStatus::kFinalizing;
  Conduit* const conduit = FindLocked(request.kind, request.id);
  if (conduit == nullptr) return ExchangeStatus::kNotFound;
  *out = conduit;
  if (request.kind == ConduitKind::kQueue) return ExchangeStatus::kOk;
  EndRecord** const link = FindEndLocked(*conduit, request.caller.interpreter->id(), end);
  return *link != nullptr ? ExchangeStatus::kOk : ExchangeStatus::kNotAssociated;
}

void ExchangeCore::PushLocked(Conduit& conduit, Datum* datum) {
  // INV-XI-4. Nobody has ended since the last look, or we look.
  if (datum->generation != generation) {
    if (!IsInterpreterLive(*runtime, datum->origin_id)) datum->origin_id = kNoOrigin;
    datum->generation = generation;
  }
  // In a queue it keeps nobody from ending.
  datum->lease.Release();
  *conduit.last_link = datum;
  conduit.last_link = &datum->next_in_queue;
  ++conduit.count;
  ++conduit.put_count;
  --figures.in_hand_count;
  ++figures.queued_count;
}

Datum* ExchangeCore::PopLocked(Conduit& conduit) {
  Datum* const datum = conduit.first;
  if (datum == nullptr) return nullptr;
  conduit.first = datum->next_in_queue;
  if (conduit.first == nullptr) conduit.last_link = &conduit.first;
  datum->next_in_queue = nullptr;
  --conduit.count;
  --figures.queued_count;
  ++figures.in_hand_count;
  WakeOneLocked(conduit, Side::kPut);
  return datum;
}

void ExchangeCore::DropAllLocked(Conduit& conduit, Datum** list) {
  while (Datum* const datum = PopLocked(conduit)) {
    ++conduit.dropped_count;
    datum->next_in_queue = *list;
    *list = datum;
  }
}

void ExchangeCore::DropOrphansLocked(Conduit& conduit, uint64_t origin_id, Datum** list) {
  Datum** link = &conduit.first;
  while (Datum* const datum = *link) {
    const bool orphan = datum->origin_id == origin_id;
    const bool is_kept = conduit.config.orphans == OrphanPolicy::kKeep &&
                         datum->kind != DataKind::kObject && datum->kind != DataKind::kOpaque;
    if (orphan && !is_kept) {
      *link = datum->next_in_queue;
      datum->next_in_queue = *list;
      *list = datum;
      --conduit.count;
      ++conduit.dropped_count;
      --figures.queued_count;
      ++figures.in_hand_count;
      WakeOneLocked(conduit, Side::kPut);
      continue;
    }
    if (orphan) datum->origin_id = kNoOrigin;
    link = &datum->next_in_queue;
  }
  conduit.last_link = link;
}

void ExchangeCore::WakeOneLocked(Conduit& conduit, Side side) {
  const auto index = static_cast<size_t>(side);
  if (conduit.waiting_count[index] == 0) return;
  // relaxed: a waiter reads it under the mutex, and looks again under the mutex.
  conduit.word[index].fetch_add(1, std::memory_order_relaxed);
  FutexWake(&conduit.word[index], 1);
}

void ExchangeCore::WakeAllLocked(Conduit& conduit) {
  for (size_t index = 0; index < 2; ++index) {
    if (conduit.waiting_count[index] == 0) continue;
    // relaxed: as in WakeOneLocked().
    conduit.word[index].fetch_add(1, std::memory_order_relaxed);
    FutexWake(&conduit.word[index], -1);
  }
}

bool ExchangeCore::Sleep(const ConduitRequest& request, Conduit& conduit, Side side,
                         int64_t deadline_ns) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  const auto index = static_cast<size_t>(side);
  // relaxed: changed under the mutex.
  const uint32_t seen = conduit.word[index].load(std::memory_order_relaxed);
  ++conduit.pin_count;
  ++conduit.waiting_count[index];
  ++figures.waiter_count;
  ++waiter_party_count;
  AddParty();
  mutex.Unlock();
  Detach(request.caller);
  int64_t timeout_ns = kNoTimeout;
  if (deadline_ns != kNoDeadline) {
    timeout_ns = std::max<int64_t>(0, deadline_ns - MonotonicNanoseconds());
  }
  FutexWait(conduit.word[index], seen, timeout_ns);
  mutex.Lock();
  --conduit.waiting_count[index];
  UnpinLocked(conduit);
  mutex.Unlock();
  // The conduit may be gone, and the Exchange if we are refused.
  const bool attached = Attach(request.caller);
  mutex.Lock();
  --waiter_party_count;
  if (!attached && runtime != nullptr) {
    // We may have been the one that was woken.
    Conduit* const again = FindLocked(request.kind, request.id);
    if (again != nullptr) WakeOneLocked(*again, side);
  }
  mutex.Unlock();
  DropParty();
  return attached;
}

void ExchangeCore::UnpinLocked(Conduit& conduit) {
  RT_CHECK(conduit.pin_count != 0, "X2", "a waiter left twice");
  --figures.waiter_count;
  // relaxed: changed and looked at under the mutex.
  left_word.fetch_add(1, std::memory_order_relaxed);
  FutexWake(&left_word, -1);
  if (--conduit.pin_count != 0) return;
  for (Conduit** link = &removed; *link != nullptr; link = &(*link)->next) {
    if (*link != &conduit) continue;
    *link = conduit.next;
    --figures.removed_count;
    FreeConduit(&conduit);
    return;
  }
}

ExchangeStatus ExchangeCore::Put(const ConduitRequest& request, CrossData& data) {
  RT_CHECK(CurrentThreadState() == &request.caller, "T2", "put by a thread that is not current");
  if (!data) return ExchangeStatus::kEmptyHanded;
  const int64_t deadline_ns = DeadlineOf(request.timeout_ns);
  for (;;) {
    {
      MutexLock lock(mutex);
      Conduit* conduit = nullptr;
      const ExchangeStatus status = LookLocked(request, ChannelEnd::kSend, &conduit);
      if (conduit != nullptr && conduit->closed) return ExchangeStatus::kClosed;
      if (status != ExchangeStatus::kOk) return status;
      const int64_t capacity = conduit->config.capacity;
      if (capacity == 0 || conduit->count < capacity) {
        Datum* const datum = data.datum_;
        data.datum_ = nullptr;
        PushLocked(*conduit, datum);
        WakeOneLocked(*conduit, Side::kGet);
        return ExchangeStatus::kOk;
      }
      if (HasPassed(deadline_ns)) return ExchangeStatus::kTimedOut;
    }
    if (!SleepOn(request, ChannelEnd::kSend, deadline_ns)) return ExchangeStatus::kShutDown;
  }
}

ExchangeStatus ExchangeCore::Get(const ConduitRequest& request, CrossData* out) {
  RT_CHECK(CurrentThreadState() == &request.caller, "T2", "get by a thread that is not current");
  out->Release();
  const int64_t deadline_ns = DeadlineOf(request.timeout_ns);
  for (;;) {
    Datum* dropped = nullptr;
    Datum* taken = nullptr;
    const ExchangeStatus status = TakeOnce(request, &taken, &dropped);
    ReleaseList(dropped);
    if (status == ExchangeStatus::kOk) {
      *out = CrossData(taken);
      return status;
    }
    if (status != ExchangeStatus::kTimedOut || HasPassed(deadline_ns)) return status;
    if (!SleepOn(request, ChannelEnd::kReceive, deadline_ns)) return ExchangeStatus::kShutDown;
  }
}

// Takes the first datum that can be taken. kTimedOut: there is none yet.
ExchangeStatus ExchangeCore::TakeOnce(const ConduitRequest& request, Datum** taken,
                                      Datum** dropped) {
  MutexLock lock(mutex);
  Conduit* conduit = nullptr;
  const ExchangeStatus status = LookLocked(request, ChannelEnd::kReceive, &conduit);
  if (status != ExchangeStatus::kOk) return status;
  while (Datum* const datum = PopLocked(*conduit)) {
    // INV-XI-6.
    if (datum->kind != DataKind::kObject ||
        LeaseInterpreter(*runtime, datum->origin_id, &datum->lease, LeaseHolder::kData) ==
            InterpreterStatus::kOk) {
      ++conduit->got_count;
      *taken = datum;
      return ExchangeStatus::kOk;
    }
    // Its origin is being destroyed, and the object with it.
    ++conduit->dropped_count;
    datum->next_in_queue = *dropped;
    *dropped = datum;
  }
  return conduit->closed ? ExchangeStatus::kClosed : ExchangeStatus::kTimedOut;
}

// Sleeps if there is still nothing to do. False: the caller was shut down.
bool ExchangeCore::SleepOn(const ConduitRequest& request, ChannelEnd end,
                           int64_t deadline_ns) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  mutex.Lock();
  Conduit* conduit = nullptr;
  const ExchangeStatus status = LookLocked(request, end, &conduit);
  bool wait = status == ExchangeStatus::kOk && !conduit->closed;
  if (wait) {
    wait = end == ChannelEnd::kSend ? conduit->count >= conduit->config.capacity
                                    : conduit->first == nullptr;
  }
  if (wait) {
    return Sleep(request, *conduit, end == ChannelEnd::kSend ? Side::kPut : Side::kGet,
                 deadline_ns);
  }
  mutex.Unlock();
  return true;
}

void ExchangeCore::CloseLocked(Conduit& conduit) {
  conduit.closed = true;
  WakeAllLocked(conduit);
}

void ExchangeCore::RemoveLocked(Conduit& conduit) {
  Conduit** link = &table[conduit.id % kBucketCount];
  while (*link != &conduit) link = &(*link)->next;
  *link = conduit.next;
  --figures.queue_count;
  CloseLocked(conduit);
  if (conduit.pin_count == 0) {
    FreeConduit(&conduit);
    return;
  }
  conduit.next = removed;
  removed = &conduit;
  ++figures.removed_count;
}

ExchangeStatus ExchangeCore::DestroyConduit(ConduitKind kind, uint64_t id) {
  Datum* dropped = nullptr;
  {
    MutexLock lock(mutex);
    Conduit* const conduit = FindLocked(kind, id);
    if (conduit == nullptr) return ExchangeStatus::kNotFound;
    DropAllLocked(*conduit, &dropped);
    RemoveLocked(*conduit);
  }
  ReleaseList(dropped);
  return ExchangeStatus::kOk;
}

void ExchangeCore::InterpreterEnding(void* core, Interpreter& interpreter,
                                     ThreadState& /*caller*/) {
  auto* const self = static_cast<ExchangeCore*>(core);
  self->CloseEndsOf(interpreter.id());
  Datum* dropped = nullptr;
  {
    MutexLock lock(self->mutex);
    ++self->generation;
    for (Conduit* conduit : self->table) {
      for (; conduit != nullptr; conduit = conduit->next) {
        self->DropOrphansLocked(*conduit, interpreter.id(), &dropped);
      }
    }
  }
  // At home: this thread is attached there.
  self->ReleaseList(dropped);
}

}  // namespace rt
