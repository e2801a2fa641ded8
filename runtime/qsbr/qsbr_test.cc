#include "runtime/qsbr/qsbr.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <thread>
#include <vector>

#include "runtime/base/fault_point.h"
#include "runtime/base/futex.h"
#include "runtime/base/raw_memory.h"
#include "runtime/qsbr/qsbr_slot.h"

namespace rt {
namespace {

constexpr QsbrMemory kMemory = {&RawAllocate, &RawFree};

// A thread state with a slot, as far as QSBR is concerned.
class Member {
 public:
  explicit Member(QsbrShared& shared, uint64_t owner_id = 2)
      : shared_(shared), slot_(shared.Reserve(owner_id)) {}
  ~Member() {
    if (is_attached_) Detach();
    shared_.Release(slot_);
  }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  void Attach() {
    shared_.Attach(*slot_);
    is_attached_ = true;
  }
  void Detach() {
    shared_.Detach(*slot_);
    is_attached_ = false;
  }
  void Quiescent() { shared_.QuiescentState(*slot_); }
  bool Poll(QsbrSequence goal) { return shared_.Poll(*slot_, goal); }
  QsbrSlot* slot() { return slot_; }

 private:
  QsbrShared& shared_;
  QsbrSlot* const slot_;
  bool is_attached_ = false;
};

TEST(QsbrTest, GoalIsNotReachedWhileAThreadLags) {
  QsbrShared shared(kMemory);
  Member us(shared, 2);
  Member reader(shared, 3);
  us.Attach();
  reader.Attach();
  const QsbrSequence goal = shared.Advance();
  us.Quiescent();
  EXPECT_FALSE(us.Poll(goal));
  EXPECT_FALSE(shared.IsReached(goal));
  reader.Quiescent();
  EXPECT_TRUE(us.Poll(goal));
  EXPECT_TRUE(shared.IsReached(goal));
  shared.CheckInvariantsWorldStopped();
}

TEST(QsbrTest, CallersOwnSlotHoldsBackItsGoal) {
  QsbrShared shared(kMemory);
  Member us(shared);
  us.Attach();
  const QsbrSequence goal = shared.Advance();
  EXPECT_FALSE(us.Poll(goal));
  us.Quiescent();
  EXPECT_TRUE(us.Poll(goal));
}

TEST(QsbrTest, DetachedThreadHoldsNothingBack) {
  QsbrShared shared(kMemory);
  Member us(shared, 2);
  Member sleeper(shared, 3);
  us.Attach();
  sleeper.Attach();
  sleeper.Detach();
  const QsbrSequence goal = shared.Advance();
  us.Quiescent();
  EXPECT_TRUE(us.Poll(goal));
  // Attaching after the advance does not hold it back either, but a later one.
  sleeper.Attach();
  const QsbrSequence later = shared.Advance();
  us.Quiescent();
  EXPECT_TRUE(us.Poll(goal));
  EXPECT_FALSE(us.Poll(later));
}

TEST(QsbrTest, DeferredGoalWaitsForAnAdvance) {
  QsbrShared shared(kMemory);
  Member us(shared);
  us.Attach();
  const QsbrSequence deferred = shared.DeferredGoal();
  us.Quiescent();
  EXPECT_FALSE(us.Poll(deferred));
  EXPECT_EQ(shared.Advance(), deferred);
  EXPECT_FALSE(us.Poll(deferred));
  us.Quiescent();
  EXPECT_TRUE(us.Poll(deferred));
}

TEST(QsbrTest, ReachedGoalsStayReached) {
  QsbrShared shared(kMemory);
  Member us(shared);
  us.Attach();
  std::vector<QsbrSequence> goals;
  for (int i = 0; i < 10; ++i) goals.push_back(shared.Advance());
  us.Quiescent();
  EXPECT_TRUE(us.Poll(goals[9]));
  (void)shared.Advance();
  for (const QsbrSequence goal : goals) EXPECT_TRUE(shared.IsReached(goal));
}

TEST(QsbrTest, SlotsAreReusedAndNeverMove) {
  QsbrShared shared(kMemory);
  std::vector<QsbrSlot*> slots;
  std::set<QsbrSlot*> distinct;
  for (uint64_t id = 2; id < 102; ++id) {
    QsbrSlot* const slot = shared.Reserve(id);
    ASSERT_NE(slot, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(slot) % kCacheLineBytes, 0u);
    EXPECT_EQ(slot->owner_id, id);
    slots.push_back(slot);
    distinct.insert(slot);
  }
  EXPECT_EQ(distinct.size(), 100u);
  EXPECT_EQ(shared.slots_in_use_count(), 100u);
  EXPECT_EQ(shared.slot_capacity_count(), 128u);
  for (uint64_t id = 2; id < 102; ++id) EXPECT_EQ(slots[id - 2]->owner_id, id);
  shared.CheckInvariantsWorldStopped();
  for (QsbrSlot* slot : slots) shared.Release(slot);
  EXPECT_EQ(shared.slots_in_use_count(), 0u);
  for (int round = 0; round < 1000; ++round) {
    QsbrSlot* const slot = shared.Reserve(7);
    EXPECT_TRUE(distinct.contains(slot));
    shared.Release(slot);
  }
  EXPECT_EQ(shared.slot_capacity_count(), 128u);
  shared.CheckInvariantsWorldStopped();
}

bool FailAlways(const char* /*name*/) { return true; }

TEST(QsbrTest, ShortMemoryLeavesNothingBehind) {
  QsbrShared shared(kMemory);
  SetFaultHook(&FailAlways);
  EXPECT_EQ(shared.Reserve(2), nullptr);
  SetFaultHook(nullptr);
  EXPECT_EQ(shared.slots_in_use_count(), 0u);
  shared.CheckInvariantsWorldStopped();
  Member us(shared);
  us.Attach();
}

TEST(QsbrTest, LastSlotIsKeptForWhoMustGoOn) {
  QsbrShared shared(kMemory);
  ASSERT_TRUE(shared.Prepare());
  SetFaultHook(&FailAlways);
  std::vector<QsbrSlot*> slots;
  while (QsbrSlot* const slot = shared.Reserve(2)) slots.push_back(slot);
  EXPECT_EQ(slots.size(), shared.slot_capacity_count() - 1);
  QsbrSlot* const last = shared.ReserveLast(3);
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(shared.ReserveLast(4), nullptr) << "there is one";
  shared.CheckInvariantsWorldStopped();
  shared.Release(last);
  EXPECT_EQ(shared.Reserve(5), nullptr) << "kept again";
  EXPECT_EQ(shared.ReserveLast(6), last);
  shared.Release(last);
  for (QsbrSlot* slot : slots) shared.Release(slot);
  SetFaultHook(nullptr);
  shared.CheckInvariantsWorldStopped();
}

TEST(QsbrTest, SequencesWrap) {
  // 3 advances before the wrap, 6 after it: no sequence is ever 0, and order
  // and goals hold across it.
  QsbrShared shared(kMemory, QsbrSequence{0} - 5);
  Member us(shared, 2);
  Member reader(shared, 3);
  us.Attach();
  for (int round = 0; round < 9; ++round) {
    reader.Attach();
    const QsbrSequence before = shared.write_sequence();
    const QsbrSequence goal = shared.Advance();
    EXPECT_NE(goal, kQsbrDetached);
    EXPECT_TRUE(QsbrBefore(before, goal));
    us.Quiescent();
    EXPECT_FALSE(us.Poll(goal));
    reader.Detach();
    EXPECT_TRUE(us.Poll(goal));
    EXPECT_TRUE(shared.IsReached(before));
    shared.CheckInvariantsWorldStopped();
  }
}

TEST(QsbrTest, AttachingThreadIsSeenByAPollOrSeesTheUnlink) {
  // A litmus test, strided over rounds that two threads enter at once. One
  // unlinks and polls, the other attaches and reads. It is wrong that the poll
  // took the reader for detached and the reader still found the pointer linked.
  // It sees a scan that overlooks attached threads; an Attach() that stores
  // where it must exchange needs a store buffer to be slow at the right time,
  // and has not been caught by this many rounds on x86-64.
  constexpr int kRoundCount = 4000;
  QsbrShared shared(kMemory);
  Member us(shared, 2);
  Member reader(shared, 3);
  Atomic<int> linked(1);
  Atomic<int> round_begun(0);
  Atomic<int> round_read(0);
  int found = 0;
  us.Attach();
  std::thread other([&] {
    for (int round = 1; round <= kRoundCount; ++round) {
      for (int turn = 0; round_begun.load(std::memory_order_acquire) != round; ++turn) {
        SpinBriefly(turn / 64);
      }
      reader.Attach();
      found = linked.load(std::memory_order_acquire);
      round_read.store(round, std::memory_order_release);
      while (round_begun.load(std::memory_order_acquire) == round) std::this_thread::yield();
      reader.Detach();
      round_read.store(-round, std::memory_order_release);
    }
  });
  for (int round = 1; round <= kRoundCount; ++round) {
    linked.store(1, std::memory_order_relaxed);
    const QsbrSequence goal = shared.DeferredGoal();
    round_begun.store(round, std::memory_order_release);
    linked.store(0, std::memory_order_release);
    EXPECT_EQ(shared.Advance(), goal);
    us.Quiescent();
    const bool reached = us.Poll(goal);
    while (round_read.load(std::memory_order_acquire) != round) std::this_thread::yield();
    if (reached) EXPECT_EQ(found, 0) << "round " << round;
    round_begun.store(-round, std::memory_order_release);
    while (round_read.load(std::memory_order_acquire) != -round) std::this_thread::yield();
  }
  other.join();
}

TEST(QsbrTest, ChildKeepsOnlyTheCallersSlot) {
  QsbrShared shared(kMemory);
  Member us(shared, 2);
  us.Attach();
  std::vector<QsbrSlot*> others;
  for (uint64_t id = 3; id < 20; ++id) {
    others.push_back(shared.Reserve(id));
    shared.Attach(*others.back());
  }
  const QsbrSequence goal = shared.Advance();
  shared.BeforeFork();
  const pid_t child = fork();
  EXPECT_GE(child, 0);
  if (child == 0) {
    shared.AfterForkChild(us.slot());
    shared.CheckInvariantsWorldStopped();
    if (shared.slots_in_use_count() != 1) _exit(1);
    if (us.Poll(goal)) _exit(2);
    us.Quiescent();
    if (!us.Poll(goal)) _exit(3);
    std::thread own([&shared] {
      Member member(shared, 30);
      member.Attach();
    });
    own.join();
    shared.CheckInvariantsWorldStopped();
    _exit(0);
  }
  shared.AfterForkParent();
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  us.Quiescent();
  EXPECT_FALSE(us.Poll(goal));
  for (QsbrSlot* slot : others) {
    shared.Detach(*slot);
    shared.Release(slot);
  }
  EXPECT_TRUE(us.Poll(goal));
}

void ReleaseAttached() {
  QsbrShared shared(kMemory);
  QsbrSlot* const slot = shared.Reserve(2);
  shared.Attach(*slot);
  shared.Release(slot);
}

void ReleaseTwice() {
  QsbrShared shared(kMemory);
  QsbrSlot* const slot = shared.Reserve(2);
  shared.Release(slot);
  shared.Release(slot);
}

void AttachTwice() {
  QsbrShared shared(kMemory);
  QsbrSlot* const slot = shared.Reserve(2);
  shared.Attach(*slot);
  shared.Attach(*slot);
}

void LeaveASlotReserved() {
  QsbrShared shared(kMemory);
  (void)shared.Reserve(2);
}

void CheckAForgedSequence() {
  QsbrShared shared(kMemory);
  QsbrSlot* const slot = shared.Reserve(2);
  shared.Attach(*slot);
  slot->sequence.store(shared.write_sequence() + kQsbrStep, std::memory_order_relaxed);
  shared.CheckInvariantsWorldStopped();
}

TEST(QsbrDeathTest, MisuseDies) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(ReleaseAttached(), "QSBR-I3.*attached");
  EXPECT_DEATH(ReleaseTwice(), "QSBR-I3.*twice");
  EXPECT_DEATH(AttachTwice(), "QSBR-I4.*twice");
  EXPECT_DEATH(LeaveASlotReserved(), "QSBR-I3.*not released");
  EXPECT_DEATH(CheckAForgedSequence(), "QSBR-I1");
}

}  // namespace
}  // namespace rt
