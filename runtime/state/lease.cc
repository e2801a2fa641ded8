#include "runtime/state/lease.h"

#include <atomic>

#include "runtime/base/check.h"
#include "runtime/state/lease_impl.h"
#include "runtime/state/runtime_impl.h"
#include "runtime/sync/mutex.h"

namespace rt {

// Reaches into leases for this file. With threads_mutex of the runtime held, which the
// analysis cannot follow from the interpreter.
struct LeaseAccess {
  static void LinkLocked(InterpreterImpl& interpreter, InterpreterLease& lease,
                         const void* os_thread) {
    lease.interpreter_ = &interpreter;
    lease.os_thread_ = os_thread;
    lease.previous_ = nullptr;
    lease.next_ = interpreter.leases;
    if (lease.next_ != nullptr) lease.next_->previous_ = &lease;
    interpreter.leases = &lease;
    ++interpreter.lease_count;
  }

  static void UnlinkLocked(InterpreterImpl& interpreter, InterpreterLease& lease) {
    RT_CHECK(interpreter.lease_count != 0, "L1", "release of a lease that is not counted");
    if (lease.previous_ != nullptr) {
      lease.previous_->next_ = lease.next_;
    } else {
      interpreter.leases = lease.next_;
    }
    if (lease.next_ != nullptr) lease.next_->previous_ = lease.previous_;
    lease.interpreter_ = nullptr;
    --interpreter.lease_count;
  }

  static InterpreterLease* Next(const InterpreterLease& lease) { return lease.next_; }
  static const void* OsThread(const InterpreterLease& lease) { return lease.os_thread_; }
};

const char* TextOf(InterpreterStatus status) {
  switch (status) {
    case InterpreterStatus::kOk:
      return "done";
    case InterpreterStatus::kNotFound:
      return "no interpreter has this id, or it was destroyed";
    case InterpreterStatus::kLeased:
      return "the interpreter is in use: somebody holds a lease on it";
    case InterpreterStatus::kHasThreads:
      return "the interpreter is in use: thread states exist in it";
    case InterpreterStatus::kBeingDestroyed:
      return "another thread is destroying the interpreter";
    case InterpreterStatus::kFinalizing:
      return "the interpreter or its runtime is being finalized";
    case InterpreterStatus::kOutOfMemory:
      return "no memory for a thread state, or a limit of the runtime is reached";
    case InterpreterStatus::kShutDown:
      return "the calling thread's thread state was shut down";
  }
  return "unknown";
}

InterpreterImpl* FindInterpreterLocked(RuntimeImpl& runtime, uint64_t id) {
  InterpreterImpl* interpreter = runtime.interpreters;
  while (interpreter != nullptr && interpreter->id != id) interpreter = interpreter->next;
  return interpreter;
}

void InterpreterLease::Release() {
  if (interpreter_ == nullptr) return;
  InterpreterImpl& interpreter = ImplOf(*interpreter_);
  // The lease keeps the interpreter, and so the runtime, until it is unlinked; the
  // mutex is the runtime's, who outlives its interpreters.
  RuntimeImpl& runtime = interpreter.runtime;
  MutexLock lock(runtime.threads_mutex);
  LeaseAccess::UnlinkLocked(interpreter, *this);
}

InterpreterStatus LeaseInterpreter(Runtime& public_runtime, uint64_t id, InterpreterLease* lease,
                                   LeaseHolder holder) {
  RT_CHECK(lease->get() == nullptr, "L1", "a lease that is taken already");
  RuntimeImpl& runtime = *RuntimeImplOf(public_runtime);
  MutexLock lock(runtime.threads_mutex);
  InterpreterImpl* const interpreter = FindInterpreterLocked(runtime, id);
  if (interpreter == nullptr) return InterpreterStatus::kNotFound;
  if (interpreter->doomed) return InterpreterStatus::kBeingDestroyed;
  LeaseAccess::LinkLocked(*interpreter, *lease,
                          holder == LeaseHolder::kData ? nullptr : OsThreadMark());
  return InterpreterStatus::kOk;
}

InterpreterStatus DestroyInterpreter(Runtime& public_runtime, uint64_t id, BalanceSnapshot* last) {
  RuntimeImpl& runtime = *RuntimeImplOf(public_runtime);
  InterpreterImpl* interpreter = nullptr;
  {
    MutexLock lock(runtime.threads_mutex);
    interpreter = FindInterpreterLocked(runtime, id);
    if (interpreter == nullptr) return InterpreterStatus::kNotFound;
    if (interpreter->doomed) return InterpreterStatus::kBeingDestroyed;
    // relaxed: written under the mutex.
    if (interpreter->finalizing.load(std::memory_order_relaxed) && !interpreter->finalized) {
      return InterpreterStatus::kFinalizing;
    }
    if (interpreter->lease_count != 0) return InterpreterStatus::kLeased;
    if (interpreter->thread_count != 0) return InterpreterStatus::kHasThreads;
    interpreter->doomed = true;
  }
  return DestroyDoomed(*interpreter, last);
}

bool IsInterpreterLive(Runtime& public_runtime, uint64_t id) {
  RuntimeImpl& runtime = *RuntimeImplOf(public_runtime);
  MutexLock lock(runtime.threads_mutex);
  const InterpreterImpl* const interpreter = FindInterpreterLocked(runtime, id);
  return interpreter != nullptr && !interpreter->ending;
}

uint64_t LeaseCount(const Interpreter& public_interpreter) {
  const InterpreterImpl& interpreter = ImplOf(public_interpreter);
  MutexLock lock(interpreter.runtime.threads_mutex);
  return interpreter.lease_count;
}

void DropLeasesOfTheDeadLocked(InterpreterImpl& interpreter) {
  for (InterpreterLease* lease = interpreter.leases; lease != nullptr;) {
    InterpreterLease* const next = LeaseAccess::Next(*lease);
    const void* const os_thread = LeaseAccess::OsThread(*lease);
    if (os_thread != nullptr && os_thread != OsThreadMark()) {
      LeaseAccess::UnlinkLocked(interpreter, *lease);
    }
    lease = next;
  }
}

void CheckLeasesLocked(const InterpreterImpl& interpreter) {
  uint64_t count = 0;
  for (const InterpreterLease* lease = interpreter.leases; lease != nullptr;
       lease = LeaseAccess::Next(*lease)) {
    RT_CHECK(lease->get() == &interpreter, "L1", "a lease in the list of another interpreter");
    ++count;
  }
  RT_CHECK(count == interpreter.lease_count, "L1", "%lu leases in the list, %lu counted",
           static_cast<unsigned long>(count), static_cast<unsigned long>(interpreter.lease_count));
  RT_CHECK(count == 0 || !interpreter.doomed, "INV-XI-5", "a leased interpreter is doomed");
}

}  // namespace rt
