// Interpreters by id: leases that keep one from being destroyed, and a destroy
// that says why it refuses.
//
// Model.  An id is drawn once in a process and never reused, so a stale id can
//   only miss. LeaseInterpreter() looks it up and counts the lease in one step under
//   the lock of the list; DestroyInterpreter() looks, finds it unused and dooms it in
//   one step under the same lock. So between a look-up and its use nobody destroys,
//   and between the check and the destruction nobody comes in.
// Invariants.  INV-XI-5: a leased interpreter, and one in which thread states exist,
//   is not destroyed; a doomed one is neither leased nor given a thread state but
//   that of its destroyer. L1: the leases in the list are the count.
// Thread safety.  Any OS thread, attached or not. A lease object is used by one
//   thread at a time.
// Lock order.  Takes threads_mutex; runtime/LOCK_ORDER.md.
// Fork.  In the child the leases of OS threads that do not exist there are dropped,
//   and their objects empty; those held by data stay.
// Source.  CPython Python/crossinterp.c, Modules/_interpretersmodule.c. Differs: the
//   look-up returns a lease, no bare pointer; destroy does not check first and act
//   later.

#ifndef RUNTIME_STATE_LEASE_H_
#define RUNTIME_STATE_LEASE_H_

#include <cstdint>

#include "runtime/state/balance.h"
#include "runtime/state/interpreter.h"
#include "runtime/state/runtime.h"

namespace rt {

// How a request about an interpreter ended.
enum class InterpreterStatus : uint8_t {
  kOk,
  kNotFound,        // No interpreter of this runtime has that id (any more).
  kLeased,          // Somebody holds a lease on it.
  kHasThreads,      // Thread states exist in it.
  kBeingDestroyed,  // Another thread is destroying it.
  kFinalizing,      // It, or the runtime, is being finalized.
  kOutOfMemory,     // Or a limit of RuntimeConfig is reached.
  kShutDown,        // The caller's thread state was shut down meanwhile.
};

// One sentence for people.
const char* TextOf(InterpreterStatus status);

// Whether a lease vanishes with its OS thread in a fork.
enum class LeaseHolder : uint8_t { kThisThread, kData };

// Keeps an interpreter from being destroyed, while it exists and is not empty. Its
// address is in a list: it does not move.
class InterpreterLease {
 public:
  InterpreterLease() = default;
  ~InterpreterLease() { Release(); }
  InterpreterLease(const InterpreterLease&) = delete;
  InterpreterLease& operator=(const InterpreterLease&) = delete;

  // Null when empty.
  Interpreter* get() const { return interpreter_; }
  Interpreter& operator*() const { return *interpreter_; }
  Interpreter* operator->() const { return interpreter_; }
  explicit operator bool() const { return interpreter_ != nullptr; }

  // Gives the lease up; does nothing when empty.
  void Release();

 private:
  friend struct LeaseAccess;

  Interpreter* interpreter_ = nullptr;
  InterpreterLease* next_ = nullptr;
  InterpreterLease* previous_ = nullptr;
  const void* os_thread_ = nullptr;  // Null: held by data.
};

// Leases the interpreter `id`. `lease` is empty. kOk, kNotFound or kBeingDestroyed;
// one that is finalized but not destroyed can still be leased.
[[nodiscard]] InterpreterStatus LeaseInterpreter(Runtime& runtime, uint64_t id,
                                                 InterpreterLease* lease,
                                                 LeaseHolder holder = LeaseHolder::kThisThread);

// Destroys the interpreter `id` if nobody uses it: no lease, no thread state. Else
// changes nothing and says why. `last` as Interpreter::Destroy(). Runs the
// destructors of what it held. May detach the caller's thread state for the time; when
// that is refused its return, the OS thread is left without one, as in Seat.
[[nodiscard]] InterpreterStatus DestroyInterpreter(Runtime& runtime, uint64_t id,
                                                   BalanceSnapshot* last = nullptr);

// Whether the interpreter `id` exists and RuntimeExtension::interpreter_ending() has not
// begun for it. "No" is final.
[[nodiscard]] bool IsInterpreterLive(Runtime& runtime, uint64_t id);

// The leases on `interpreter`, a momentary view.
uint64_t LeaseCount(const Interpreter& interpreter);

}  // namespace rt

#endif  // RUNTIME_STATE_LEASE_H_
