// A thread state: one thread's membership in one interpreter. The public part.
//
// Model.  An OS thread attaches a thread state to use its interpreter and
//   detaches it around anything that blocks. At most one thread state is
//   attached on an OS thread; it is the *current* one.
//
//   DETACHED ──Attach()──► ATTACHED ──Detach()──► DETACHED
//      │ a stop               │ a stop, answered at a safe point
//      ▼                      ▼
//   SUSPENDED ──Attach()──► SUSPENDED_WAITING ──StartTheWorld()──► ATTACHED
//      └──StartTheWorld()──► DETACHED        any ──finalization──► SHUTTING_DOWN
//
//   While DETACHED or SUSPENDED it may be borrowed: another thread merges objects
//   for it, and Attach() waits for that (borrow.h).
// Invariants.  T1: the id is drawn once and never reused. T2: only the OS
//   thread that attached a thread state leaves ATTACHED. T3: SHUTTING_DOWN is
//   final. T5: no safe point, detach or stop within a destructor or finalizer
//   (a refusal could not be unwound). T4: the memory has two parties, the interpreter's list and
//   the OS thread; the last one to let go frees it, so a pointer held by a late thread never
//   dangles.
// Thread safety.  A thread state belongs to the OS thread it is attached on.
//   Only ClearThreadState() and DeleteThreadState() take a foreign one.
// Lock order.  See runtime/LOCK_ORDER.md; no function here may be called with a
//   runtime mutex held.
// Fork.  Only the thread state that forks survives in the child (fork.h).
// Source.  CPython Python/pystate.c. Differs: a refused thread gets `false`
//   instead of hanging for ever; the start of the world attaches the waiting.

#ifndef RUNTIME_STATE_THREAD_STATE_H_
#define RUNTIME_STATE_THREAD_STATE_H_

#include <cstdint>

#include "runtime/base/atomic.h"
#include "runtime/object/object_thread.h"

namespace rt {

class Interpreter;
struct Object;

enum class ThreadStatus : uint32_t {
  kDetached = 0,
  kAttached = 1,
  kSuspended = 2,         // Detached, and a stop forbids to attach.
  kSuspendedWaiting = 3,  // Suspended, and its thread sleeps to attach.
  kShuttingDown = 4,      // Attach() returns false from now on.
};

// The hot part. The hidden rest is ThreadStateImpl, which derives from it.
struct ThreadState : ObjectThread {
  // A ThreadStatus, possibly with kStopRequestedFlag. Also the futex word that
  // a suspended thread sleeps on.
  Atomic<uint32_t> state{static_cast<uint32_t>(ThreadStatus::kDetached)};
  // Not touched once the thread state is shutting down: it may be gone.
  Interpreter* interpreter = nullptr;
};

// Set beside kAttached by a stop: the next detach or safe point answers it.
inline constexpr uint32_t kStopRequestedFlag = 8;

// Returns the status without the stop flag. A momentary view.
ThreadStatus StatusOf(const ThreadState& thread);

// Returns the thread state attached on this OS thread, or null.
ThreadState* CurrentThreadState();

// Creates a detached thread state. Any OS thread, attached or not. The caller
// gets the OS thread's party and gives it back with DeleteThreadState() or
// ReleaseThreadState(), or hands it to the OS thread that will. Returns null
// when memory or a limit runs out, or when the interpreter is being finalized.
[[nodiscard]] ThreadState* NewThreadState(Interpreter& interpreter);

// Attaches `thread` on this OS thread, which must have no current thread state.
// The first time also binds it: enters the merge table. Blocks while the world
// is stopped. Returns false, and leaves it unattached, when the thread state is
// shut down: all that is left to do is ReleaseThreadState(). (With LateAttach::kHang
// it does not return then; nor do SafePoint() and StopTheWorld().)
[[nodiscard]] bool Attach(ThreadState& thread);

// OS threads of this process that hang because RuntimeConfig::late_attach says so, or
// because a refusal met them in the middle of an object operation. A momentary view.
uint64_t HangingThreadCount();

// Detaches the current thread state `thread`. Does not block. Merges what others
// have queued for it first, so it may run destructors.
void Detach(ThreadState& thread);

// Marks a quiescent state and does what other threads asked for: answers a
// stop, merges queued objects, frees delayed blocks. May run destructors.
// Returns false when the thread state was shut down meanwhile: it is then no
// longer current, and all that is left to do is ReleaseThreadState().
[[nodiscard]] inline bool SafePoint(ThreadState& thread);

// Clears `victim`: drops what it holds, empties its freelists, merge queue and
// delayed frees, parks its heaps. `caller` is attached, of the same
// interpreter; `victim` is `caller` itself or a thread state that is not
// attached and that nobody attaches meanwhile (attaching is refused from here
// on). Runs destructors, as the caller.
void ClearThreadState(ThreadState& caller, ThreadState& victim);

// Unlinks a cleared thread state, folds its counters into the interpreter's and
// gives back its QSBR slot. Deleting oneself (caller == victim) ends attached
// time and releases the OS thread's party too; deleting a foreign one leaves
// that party to its OS thread.
void DeleteThreadState(ThreadState& caller, ThreadState& victim);

// Gives up the OS thread's party of a thread state that was shut down or
// deleted by somebody else. Any OS thread, once per thread state.
void ReleaseThreadState(ThreadState* thread);

// Hands `object` (a stolen reference, or null) to the thread state, which drops
// it when it is cleared. Replaces and drops an earlier one. The owner, attached.
void SetLocalObject(ThreadState& thread, Object* object);

// A thread state for a scope: creates, attaches, and at the end clears and
// deletes (or releases, when it was shut down meanwhile).
class ScopedThreadState {
 public:
  explicit ScopedThreadState(Interpreter& interpreter);
  ~ScopedThreadState();
  ScopedThreadState(const ScopedThreadState&) = delete;
  ScopedThreadState& operator=(const ScopedThreadState&) = delete;

  // Null when creating or attaching was refused.
  ThreadState* get() const { return thread_; }
  ThreadState& operator*() const { return *thread_; }
  ThreadState* operator->() const { return thread_; }
  explicit operator bool() const { return thread_ != nullptr; }

 private:
  ThreadState* thread_ = nullptr;
};

// Detaches for a scope, for calls that block. ok() after reattaching by End().
class ScopedDetach {
 public:
  explicit ScopedDetach(ThreadState& thread) : thread_(&thread) { Detach(thread); }
  // Attaches again. Returns what Attach() returned. Call exactly once.
  [[nodiscard]] bool End() { return Attach(*thread_); }

 private:
  ThreadState* thread_;
};

}  // namespace rt

#include "runtime/state/thread_state_inl.h"  // IWYU pragma: export

#endif  // RUNTIME_STATE_THREAD_STATE_H_
