#include "runtime/state/stop_queue.h"

#include <atomic>

#include "runtime/base/check.h"
#include "runtime/base/futex.h"

namespace rt {
namespace {

void Answer(StopTicket& ticket, StopTicket::Status status, bool may_sleep) {
  // (SQ1) release store, synchronizes with the acquire load (SQ2) in Wait(): the
  //       waiter sees what the last owner of the turn did.
  ticket.status.store(status, std::memory_order_release);
  // Whoever enters does not sleep yet: no call of the system.
  if (may_sleep) FutexWake(&ticket.status, 1);
}

}  // namespace

void StopQueue::EnterLocked(StopTicket& ticket) {
  ticket.next = nullptr;
  if (tail_ == nullptr) {
    head_ = &ticket;
  } else {
    tail_->next = &ticket;
  }
  tail_ = &ticket;
  GrantLocked(&ticket);
}

void StopQueue::LeaveLocked(StopTurn* turn) {
  if (turn == nullptr) {
    RT_CHECK(runtime_turn_taken_, "SQ1", "no turn of the runtime to end");
    runtime_turn_taken_ = false;
  } else {
    RT_CHECK(turn->taken && interpreter_turn_count_ > 0, "SQ1",
             "no turn of the interpreter to end");
    turn->taken = false;
    --interpreter_turn_count_;
  }
  GrantLocked(nullptr);
}

// In order of arrival; a ticket for the runtime that cannot be granted holds up
// everybody behind it (SQ2).
void StopQueue::GrantLocked(const StopTicket* entering) {
  StopTicket** link = &head_;
  StopTicket* last_kept = nullptr;
  while (*link != nullptr && !runtime_turn_taken_) {
    StopTicket* const ticket = *link;
    if (ticket->turn == nullptr) {
      if (interpreter_turn_count_ > 0 || last_kept != nullptr) break;
      runtime_turn_taken_ = true;
    } else if (ticket->turn->taken) {
      last_kept = ticket;
      link = &ticket->next;
      continue;
    } else {
      ticket->turn->taken = true;
      ++interpreter_turn_count_;
    }
    *link = ticket->next;
    if (tail_ == ticket) tail_ = last_kept;
    Answer(*ticket, StopTicket::kGranted, ticket != entering);
  }
}

void StopQueue::RefuseWaitingLocked(const void* group) {
  StopTicket** link = &head_;
  StopTicket* last_kept = nullptr;
  while (*link != nullptr) {
    StopTicket* const ticket = *link;
    if (group != nullptr && ticket->group != group) {
      last_kept = ticket;
      link = &ticket->next;
      continue;
    }
    *link = ticket->next;
    if (tail_ == ticket) tail_ = last_kept;
    Answer(*ticket, StopTicket::kRefused, /*may_sleep=*/true);
  }
  GrantLocked(nullptr);
}

void StopQueue::AfterForkChild() {
  RT_CHECK(runtime_turn_taken_ && interpreter_turn_count_ == 0, "SQ1",
           "a fork without the turn of the runtime");
  head_ = nullptr;
  tail_ = nullptr;
}

bool StopQueue::Wait(StopTicket& ticket) {
  for (;;) {
    // (SQ2) acquire load, synchronizes with the release store (SQ1) in Answer().
    const uint32_t status = ticket.status.load(std::memory_order_acquire);
    if (status != StopTicket::kWaiting) return status == StopTicket::kGranted;
    FutexWait(ticket.status, StopTicket::kWaiting, kNoTimeout);
  }
}

}  // namespace rt
