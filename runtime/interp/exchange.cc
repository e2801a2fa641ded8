#include "runtime/interp/exchange.h"

#include <atomic>
#include <memory>
#include <new>

#include "runtime/base/check.h"
#include "runtime/base/futex.h"
#include "runtime/base/raw_memory.h"
#include "runtime/interp/exchange_core.h"

namespace rt {

const char* TextOf(ExchangeStatus status) {
  switch (status) {
    case ExchangeStatus::kOk:
      return "done";
    case ExchangeStatus::kNotFound:
      return "no queue or channel has this id, or it was destroyed";
    case ExchangeStatus::kClosed:
      return "the queue or channel is closed";
    case ExchangeStatus::kTimedOut:
      return "the time passed";
    case ExchangeStatus::kNotAssociated:
      return "the interpreter holds no such end of the channel";
    case ExchangeStatus::kEmptyHanded:
      return "there is no datum to give";
    case ExchangeStatus::kOutOfMemory:
      return "no memory";
    case ExchangeStatus::kFinalizing:
      return "the runtime is being finalized";
    case ExchangeStatus::kShutDown:
      return "the calling thread's thread state was shut down";
  }
  return "unknown";
}

ExchangeCore::ExchangeCore(Runtime& its_runtime, const ExchangeConfig& its_config)
    : runtime(&its_runtime), config(its_config) {}

void ExchangeCore::AddParty() {
  // relaxed: the caller's party keeps the core.
  party_count_.fetch_add(1, std::memory_order_relaxed);
}

void ExchangeCore::DropParty() {
  // (X1) acq_rel decrement, synchronizes with itself: the last party frees what the
  //      others have written.
  const uint64_t before = party_count_.fetch_sub(1, std::memory_order_acq_rel);
  RT_CHECK(before != 0, "X1", "one party too many left an exchange");
  if (before != 1) return;
  std::destroy_at(this);
  RawFree(this);
}

void ExchangeCore::Close() {
  Datum* dropped = nullptr;
  {
    MutexLock lock(mutex);
    for (Conduit*& head : table) {
      while (head != nullptr) {
        DropAllLocked(*head, &dropped);
        RemoveLocked(*head);
      }
    }
  }
  ReleaseList(dropped);
  for (;;) {
    uint32_t seen = 0;
    {
      MutexLock lock(mutex);
      if (figures.waiter_count == 0) {
        // From here on the runtime may go; data are released by who holds them.
        runtime = nullptr;
        break;
      }
      // relaxed: changed under the mutex.
      seen = left_word.load(std::memory_order_relaxed);
    }
    FutexWait(left_word, seen, kNoTimeout);
  }
  DropParty();
}

void ExchangeCore::BeforeFork(void* core) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  static_cast<ExchangeCore*>(core)->mutex.Lock();
}

void ExchangeCore::AfterForkParent(void* core) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  static_cast<ExchangeCore*>(core)->mutex.Unlock();
}

void ExchangeCore::AfterForkChild(void* core) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  auto* const self = static_cast<ExchangeCore*>(core);
  self->mutex.AfterForkChild();
  MutexLock lock(self->mutex);
  self->ForgetWaitersLocked();
}

// They do not exist in the child, nor do their parties.
void ExchangeCore::ForgetWaitersLocked() {
  for (Conduit* conduit : table) {
    for (; conduit != nullptr; conduit = conduit->next) {
      conduit->pin_count = 0;
      conduit->waiting_count[0] = 0;
      conduit->waiting_count[1] = 0;
    }
  }
  while (removed != nullptr) {
    Conduit* const conduit = removed;
    removed = conduit->next;
    --figures.removed_count;
    FreeConduit(conduit);
  }
  figures.waiter_count = 0;
  // relaxed: no other thread exists; the Exchange's own party is left.
  party_count_.fetch_sub(waiter_party_count, std::memory_order_relaxed);
  waiter_party_count = 0;
}

void ExchangeCore::Finalizing(void* core, Interpreter* interpreter, ThreadState* /*caller*/) {
  auto* const self = static_cast<ExchangeCore*>(core);
  if (interpreter != nullptr) {
    // Its waiters are refused when they come back, so they must wake.
    self->CloseEndsOf(interpreter->id());
    return;
  }
  Datum* dropped = nullptr;
  {
    MutexLock lock(self->mutex);
    self->finalizing = true;
    for (Conduit* conduit : self->table) {
      for (; conduit != nullptr; conduit = conduit->next) {
        self->DropAllLocked(*conduit, &dropped);
        self->CloseLocked(*conduit);
      }
    }
  }
  self->ReleaseList(dropped);
}

ExchangeReading ExchangeCore::Read() {
  MutexLock lock(mutex);
  return figures;
}

Exchange::Exchange(Runtime& runtime, ExchangeCore* core) : runtime_(runtime), core_(core) {
  extension_.context = core;
  extension_.before_fork = ExchangeCore::BeforeFork;
  extension_.after_fork_parent = ExchangeCore::AfterForkParent;
  extension_.after_fork_child = ExchangeCore::AfterForkChild;
  extension_.finalizing = ExchangeCore::Finalizing;
  extension_.interpreter_ending = ExchangeCore::InterpreterEnding;
  extension_.check_invariants_world_stopped = ExchangeCore::CheckInvariants;
}

std::unique_ptr<Exchange> Exchange::Create(Runtime& runtime, const ExchangeConfig& config) {
  void* const memory = RawAllocate(sizeof(ExchangeCore), alignof(ExchangeCore));
  if (memory == nullptr) return nullptr;
  auto* const core = new (memory) ExchangeCore(runtime, config);
  std::unique_ptr<Exchange> exchange(new (std::nothrow) Exchange(runtime, core));
  if (exchange == nullptr) {
    core->DropParty();
    return nullptr;
  }
  AddRuntimeExtension(runtime, &exchange->extension_);
  return exchange;
}

Exchange::~Exchange() {
  RemoveRuntimeExtension(runtime_, &extension_);
  core_->Close();
}

ExchangeReading Exchange::Read() const { return core_->Read(); }
void Exchange::CheckInvariantsWorldStopped() const { ExchangeCore::CheckInvariants(core_); }

}  // namespace rt
