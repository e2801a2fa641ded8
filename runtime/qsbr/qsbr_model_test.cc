// Random histories of one QSBR, each step compared with a reference model. The
// model knows, for each goal, which attachments began before it and have not
// been quiescent since: the goal is reached when there are none left. Seeds are
// fixed; a failure names its seed.
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "runtime/base/raw_memory.h"
#include "runtime/qsbr/qsbr.h"
#include "runtime/qsbr/qsbr_slot.h"

namespace rt {
namespace {

constexpr QsbrMemory kMemory = {&RawAllocate, &RawFree};

class History {
 public:
  History(uint64_t seed, QsbrSequence first) : random_(seed), shared_(kMemory, first) {
    // The first one stays attached, to poll with.
    Reserve();
    Attach(members_.begin()->first);
    poller_ = members_.begin()->first;
  }

  ~History() {
    for (auto& [slot, is_attached] : members_) {
      if (is_attached) shared_.Detach(*slot);
      shared_.Release(slot);
    }
  }

  void Step() {
    switch (Draw(9)) {
      case 0:
        if (members_.size() < 40) Reserve();
        break;
      case 1: {
        QsbrSlot* const slot = Pick();
        if (!members_[slot]) Release(slot);
        break;
      }
      case 2:
      case 3: {
        QsbrSlot* const slot = Pick();
        if (!members_[slot]) {
          Attach(slot);
        } else if (slot != poller_) {
          Detach(slot);
        }
        break;
      }
      case 4:
      case 5: {
        QsbrSlot* const slot = Pick();
        if (members_[slot]) Quiescent(slot);
        break;
      }
      case 6:
        Advance();
        break;
      case 7:
        deferred_.push_back(shared_.DeferredGoal());
        break;
      case 8:
        Poll();
        break;
    }
    ASSERT_EQ(shared_.slots_in_use_count(), members_.size());
    shared_.CheckInvariantsWorldStopped();
  }

  int reached_count() const { return reached_count_; }
  int refused_count() const { return refused_count_; }

 private:
  uint64_t Draw(uint64_t bound) { return random_() % bound; }

  QsbrSlot* Pick() {
    auto it = members_.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(Draw(members_.size())));
    return it->first;
  }

  void Reserve() {
    QsbrSlot* const slot = shared_.Reserve(next_id_++);
    ASSERT_NE(slot, nullptr);
    ASSERT_TRUE(members_.emplace(slot, false).second) << "a slot given out twice";
  }
  void Release(QsbrSlot* slot) {
    shared_.Release(slot);
    members_.erase(slot);
  }
  void Attach(QsbrSlot* slot) {
    shared_.Attach(*slot);
    members_[slot] = true;
  }
  void Detach(QsbrSlot* slot) {
    shared_.Detach(*slot);
    members_[slot] = false;
    NoLongerReads(slot);
  }
  void Quiescent(QsbrSlot* slot) {
    shared_.QuiescentState(*slot);
    NoLongerReads(slot);
  }
  void NoLongerReads(QsbrSlot* slot) {
    for (auto& [goal, readers] : goals_) readers.erase(slot);
  }

  void Advance() {
    const QsbrSequence goal = shared_.Advance();
    std::set<QsbrSlot*> readers;
    for (const auto& [slot, is_attached] : members_) {
      if (is_attached) readers.insert(slot);
    }
    for (const QsbrSequence deferred : deferred_) {
      ASSERT_EQ(deferred, goal) << "a deferred goal is not the next advance's";
    }
    deferred_.clear();
    goals_.emplace_back(goal, std::move(readers));
    if (goals_.size() > 20) goals_.erase(goals_.begin());
  }

  void Poll() {
    if (!deferred_.empty()) {
      ASSERT_FALSE(shared_.Poll(*poller_, deferred_[0])) << "reached before it was made";
    }
    if (goals_.empty()) return;
    const auto& [goal, readers] = goals_[Draw(goals_.size())];
    ASSERT_EQ(shared_.Poll(*poller_, goal), readers.empty()) << "goal " << goal;
    ASSERT_EQ(shared_.IsReached(goal), readers.empty()) << "goal " << goal;
    ++(readers.empty() ? reached_count_ : refused_count_);
  }

  std::mt19937_64 random_;
  QsbrShared shared_;
  uint64_t next_id_ = 2;
  std::map<QsbrSlot*, bool> members_;  // Slot to whether it is attached.
  QsbrSlot* poller_ = nullptr;
  std::vector<std::pair<QsbrSequence, std::set<QsbrSlot*>>> goals_;
  std::vector<QsbrSequence> deferred_;
  int reached_count_ = 0;
  int refused_count_ = 0;
};

void RunHistories(QsbrSequence first) {
  int reached_count = 0;
  int refused_count = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    History history(seed, first);
    for (int step = 0; step < 500; ++step) {
      history.Step();
      if (testing::Test::HasFatalFailure()) return;
    }
    reached_count += history.reached_count();
    refused_count += history.refused_count();
  }
  // Both answers were put to the test.
  EXPECT_GT(reached_count, 100);
  EXPECT_GT(refused_count, 100);
}

TEST(QsbrModelTest, AgreesWithTheModel) { RunHistories(kQsbrFirstSequence); }

TEST(QsbrModelTest, AgreesWithTheModelAcrossTheWrap) { RunHistories(QsbrSequence{0} - 41); }

}  // namespace
}  // namespace rt
