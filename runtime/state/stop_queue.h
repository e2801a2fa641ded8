// Turns to stop the world, first in, first out.
//
// Model.  Whoever wants to stop an interpreter or the whole runtime enters with
//   a ticket and owns a *turn* once the ticket is granted. Turns of different
//   interpreters overlap; the runtime's turn excludes all others.
// Invariants.  SQ1: at most one turn per interpreter, and none beside the
//   runtime's. SQ2: a ticket for the runtime is overtaken by nobody, a ticket for
//   an interpreter by no other for the same one: no requester starves.
// Thread safety.  Every function but Wait() with the runtime's threads_mutex
//   held. Wait(): whoever entered, holding nothing, not attached.
// Fork.  AfterForkChild() forgets the tickets of threads that are gone.
// Source.  Ours; CPython has a mutex per interpreter under a read-write lock,
//   whose order had to be swapped (gh-137433).

#ifndef RUNTIME_STATE_STOP_QUEUE_H_
#define RUNTIME_STATE_STOP_QUEUE_H_

#include <cstdint>

#include "runtime/base/atomic.h"

namespace rt {

// Whether somebody has the turn of one interpreter.
struct StopTurn {
  bool taken = false;
};

// One request for a turn. Lives until it was granted or refused.
struct StopTicket {
  enum Status : uint32_t { kWaiting = 0, kGranted = 1, kRefused = 2 };

  // Of the interpreter to stop; null: the runtime's turn.
  StopTurn* turn = nullptr;
  // Who waits, for RefuseWaiting(); compared only.
  const void* group = nullptr;
  // A Status; the futex word.
  Atomic<uint32_t> status{kWaiting};
  StopTicket* next = nullptr;
};

class StopQueue {
 public:
  // Queues `ticket` and grants what can be granted.
  void EnterLocked(StopTicket& ticket);

  // Ends a granted turn (null: the runtime's) and grants what can be granted.
  void LeaveLocked(StopTurn* turn);

  // Refuses the tickets of `group` (null: all) that wait.
  void RefuseWaitingLocked(const void* group);

  // Keeps the runtime's turn for the survivor and forgets everything else. The
  // turns of interpreters are not taken: the runtime's excludes them.
  void AfterForkChild();

  bool is_runtime_turn_taken() const { return runtime_turn_taken_; }
  bool is_empty() const { return head_ == nullptr; }

  // Sleeps until `ticket` is granted (true) or refused (false). Touches nothing
  // but the ticket: the queue may be gone by then.
  static bool Wait(StopTicket& ticket);

 private:
  // `entering`, or null, belongs to the caller, who does not sleep.
  void GrantLocked(const StopTicket* entering);

  StopTicket* head_ = nullptr;
  StopTicket* tail_ = nullptr;
  // Turns of interpreters that are taken.
  uint32_t interpreter_turn_count_ = 0;
  bool runtime_turn_taken_ = false;
};

}  // namespace rt

#endif  // RUNTIME_STATE_STOP_QUEUE_H_
