#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/sanitizer.h"
#include "runtime/state/state_testing.h"

namespace rt {
namespace {

class SnapshotTest : public testing::Test {
 protected:
  std::unique_ptr<Runtime> runtime_ = MakeCheckedRuntime();
  Interpreter& interpreter_ = *runtime_->main_interpreter();
};

TEST_F(SnapshotTest, TellsWhoHoldsWhat) {
  ScopedThreadState main(interpreter_);
  const BalanceSnapshot start = RestingBalance(*main);
  EXPECT_EQ(start.thread_state_count, 1);
  EXPECT_EQ(start.qsbr_slot_count, 1);
  List* const kept = MakeList(*main, 10);
  ThreadState* const other = NewThreadState(interpreter_);
  List* foreign = nullptr;
  Detach(*main);
  std::thread([&] {
    ASSERT_TRUE(Attach(*other));
    foreign = MakeList(*other, 20);
    Detach(*other);
  }).join();
  ASSERT_TRUE(Attach(*main));
  // At rest, so that arrays the lists have outgrown are gone. Each list is a
  // block, its array another, each number one.
  BalanceSnapshot snapshot = RestingBalance(*main);
  EXPECT_EQ(
      snapshot.caller_usage.block_count - snapshot.freelist_object_count - start.LiveBlockCount(),
      12);
  EXPECT_EQ(snapshot.other_threads_usage.block_count, 22);
  EXPECT_EQ(snapshot.thread_state_count, 2);
  EXPECT_EQ(snapshot.bundles_in_use_count, 2);
  EXPECT_EQ(snapshot.reference_total, 32 * RT_REFERENCE_TOTALS);
  EXPECT_EQ(snapshot.references_by_type[kStatIndexNumber], 30 * RT_REFERENCE_TOTALS);
  EXPECT_EQ(snapshot.references_by_type[kStatIndexList], 2 * RT_REFERENCE_TOTALS);
  ClearThreadState(*main, *other);
  DeleteThreadState(*main, *other);
  ReleaseThreadState(other);
  snapshot = RestingBalance(*main);
  EXPECT_EQ(snapshot.other_threads_usage.block_count, 0);
  EXPECT_EQ(snapshot.parked_usage.block_count, 22);
  EXPECT_EQ(snapshot.parked_bundle_count, 1);
  EXPECT_EQ(snapshot.bundles_in_use_count, 1);
  EXPECT_EQ(snapshot.reference_total, 32 * RT_REFERENCE_TOTALS);
  Decref(*main, AsObject(kept));
  Decref(*main, AsObject(foreign));
  ExpectSameBalance(start, RestingBalance(*main));
}

TEST_F(SnapshotTest, QuiesceMergesQueuesOfDetachedOwners) {
  const std::unique_ptr<Runtime> runtime = MakeRuntimeWithoutBorrowing();
  Interpreter& interpreter = *runtime->main_interpreter();
  ScopedThreadState main(interpreter);
  ThreadState* const owner = NewThreadState(interpreter);
  List* queued = nullptr;
  Detach(*main);
  std::thread([&] {
    ASSERT_TRUE(Attach(*owner));
    queued = MakeList(*owner, 40);
    Detach(*owner);
  }).join();
  ASSERT_TRUE(Attach(*main));
  Decref(*main, AsObject(queued));
  BalanceSnapshot before;
  ASSERT_TRUE(interpreter.Snapshot(*main, &before));
  EXPECT_EQ(before.queued_object_count, 1);
  EXPECT_EQ(before.reference_total, 41 * RT_REFERENCE_TOTALS);
  const BalanceSnapshot after = RestingBalance(*main);
  EXPECT_EQ(after.queued_object_count, 0);
  EXPECT_EQ(after.delayed_free_count, 0);
  EXPECT_EQ(after.reference_total, 0);
  ClearThreadState(*main, *owner);
  DeleteThreadState(*main, *owner);
  ReleaseThreadState(owner);
}

// A closed scenario with everything in it: exact zero, every time.
TEST_F(SnapshotTest, ClosedScenariosEndWhereTheyBegan) {
  constexpr int kThreads = 4;
  const int rounds = (kAddressSanitizer || kThreadSanitizer) ? 5 : 20;
  ScopedThreadState main(interpreter_);
  const BalanceSnapshot start = RestingBalance(*main);
  for (int round = 0; round < rounds; ++round) {
    List* const board = MakeList(*main, 16);
    Detach(*main);
    std::vector<std::thread> workers;
    for (int w = 0; w < kThreads; ++w) {
      workers.emplace_back([&, w] {
        ScopedThreadState thread(interpreter_);
        for (int i = 0; i < 200; ++i) {
          Object* const item =
              i % 3 == 0 ? AsObject(MakeList(*thread, i % 7)) : AsObject(NumberNew(*thread, i));
          EXPECT_TRUE(ListSet(*thread, board, (i * 7 + w) % 16, item));
          Decref(*thread, item);
          Object* const found = ListGet(*thread, board, (i + w) % 16);
          if (found != nullptr) Decref(*thread, found);
          if (i % 20 == 0) {
            EXPECT_TRUE(ListAppend(*thread, board, AsObject(board)));
            Object* const popped = ListPop(*thread, board);
            if (popped != nullptr) Decref(*thread, popped);
          }
          ASSERT_TRUE(SafePoint(*thread));
        }
      });
    }
    // Live readings never see a cell twice, and never crash.
    int64_t read_count = 0;
    for (int i = 0; i < 50; ++i) {
      ThreadReading readings[kThreads + 2];
      read_count += static_cast<int64_t>(interpreter_.ReadThreads(readings));
      read_count += interpreter_.ReadReferenceTotal() != 0;
    }
    EXPECT_GE(read_count, 50);
    for (std::thread& worker : workers) worker.join();
    ASSERT_TRUE(Attach(*main));
    ListClear(*main, board);
    Decref(*main, AsObject(board));
    ExpectSameBalance(start, RestingBalance(*main));
  }
}

}  // namespace
}  // namespace rt
