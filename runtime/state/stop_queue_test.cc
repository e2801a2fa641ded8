#include "runtime/state/stop_queue.h"

#include <thread>

#include "gtest/gtest.h"

namespace rt {
namespace {

// No mutex: these tests use the queue from one thread, but for the wait.
StopTicket::Status StatusOf(const StopTicket& ticket) {
  return static_cast<StopTicket::Status>(ticket.status.load(std::memory_order_acquire));
}

TEST(StopQueueTest, GrantsTurnsOfDifferentInterpretersAtOnce) {
  StopQueue queue;
  StopTurn first_turn, second_turn;
  StopTicket first, second;
  first.turn = &first_turn;
  second.turn = &second_turn;
  queue.EnterLocked(first);
  queue.EnterLocked(second);
  EXPECT_EQ(StatusOf(first), StopTicket::kGranted);
  EXPECT_EQ(StatusOf(second), StopTicket::kGranted);
  EXPECT_TRUE(queue.is_empty());
}

TEST(StopQueueTest, GrantsTheTurnOfOneInterpreterInOrder) {
  StopQueue queue;
  StopTurn turn;
  StopTicket tickets[3];
  for (StopTicket& ticket : tickets) {
    ticket.turn = &turn;
    queue.EnterLocked(ticket);
  }
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      EXPECT_EQ(StatusOf(tickets[j]), j <= i ? StopTicket::kGranted : StopTicket::kWaiting);
    }
    queue.LeaveLocked(&turn);
  }
  EXPECT_FALSE(turn.taken);
}

TEST(StopQueueTest, TheTurnOfTheRuntimeWaitsForAllAndIsNotOvertaken) {
  StopQueue queue;
  StopTurn first_turn, second_turn;
  StopTicket first, everything, late;
  first.turn = &first_turn;
  late.turn = &second_turn;
  queue.EnterLocked(first);
  queue.EnterLocked(everything);
  queue.EnterLocked(late);
  EXPECT_EQ(StatusOf(everything), StopTicket::kWaiting);
  EXPECT_EQ(StatusOf(late), StopTicket::kWaiting) << "SQ2";
  queue.LeaveLocked(&first_turn);
  EXPECT_EQ(StatusOf(everything), StopTicket::kGranted);
  EXPECT_EQ(StatusOf(late), StopTicket::kWaiting) << "SQ1";
  queue.LeaveLocked(nullptr);
  EXPECT_EQ(StatusOf(late), StopTicket::kGranted);
  queue.LeaveLocked(&second_turn);
  EXPECT_TRUE(queue.is_empty());
}

TEST(StopQueueTest, OvertakesOnlyInTheMiddleForAnotherInterpreter) {
  StopQueue queue;
  StopTurn first_turn, second_turn;
  StopTicket holder, waiting, other, everything;
  holder.turn = waiting.turn = &first_turn;
  other.turn = &second_turn;
  queue.EnterLocked(holder);
  queue.EnterLocked(waiting);
  queue.EnterLocked(other);
  queue.EnterLocked(everything);
  EXPECT_EQ(StatusOf(waiting), StopTicket::kWaiting);
  EXPECT_EQ(StatusOf(other), StopTicket::kGranted);
  queue.LeaveLocked(&second_turn);
  EXPECT_EQ(StatusOf(everything), StopTicket::kWaiting);
  queue.LeaveLocked(&first_turn);
  EXPECT_EQ(StatusOf(waiting), StopTicket::kGranted);
  queue.LeaveLocked(&first_turn);
  EXPECT_EQ(StatusOf(everything), StopTicket::kGranted);
}

TEST(StopQueueTest, RefusesOneGroupAndGoesOnWithTheOthers) {
  StopQueue queue;
  StopTurn turn;
  const int group = 0;
  StopTicket holder, everything, late;
  holder.turn = &turn;
  everything.group = &group;
  StopTurn second_turn;
  late.turn = &second_turn;
  queue.EnterLocked(holder);
  queue.EnterLocked(everything);
  queue.EnterLocked(late);
  queue.RefuseWaitingLocked(&group);
  EXPECT_EQ(StatusOf(everything), StopTicket::kRefused);
  EXPECT_EQ(StatusOf(late), StopTicket::kGranted);
}

TEST(StopQueueTest, WaitReturnsOnGrantAndOnRefusal) {
  for (const bool grant : {true, false}) {
    StopQueue queue;
    StopTurn turn;
    StopTicket holder, waiting;
    holder.turn = waiting.turn = &turn;
    queue.EnterLocked(holder);
    queue.EnterLocked(waiting);
    bool granted = !grant;
    std::thread waiter([&] { granted = StopQueue::Wait(waiting); });
    if (grant) {
      queue.LeaveLocked(&turn);
    } else {
      queue.RefuseWaitingLocked(nullptr);
    }
    waiter.join();
    EXPECT_EQ(granted, grant);
  }
}

TEST(StopQueueTest, AfterForkChildForgetsWhoWaited) {
  StopQueue queue;
  StopTurn turn;
  StopTicket survivor, gone, later;
  gone.turn = &turn;
  queue.EnterLocked(survivor);
  queue.EnterLocked(gone);
  queue.AfterForkChild();
  EXPECT_TRUE(queue.is_empty());
  queue.LeaveLocked(nullptr);
  later.turn = &turn;
  queue.EnterLocked(later);
  EXPECT_EQ(StatusOf(later), StopTicket::kGranted);
  EXPECT_EQ(StatusOf(gone), StopTicket::kWaiting);
}

}  // namespace
}  // namespace rt
