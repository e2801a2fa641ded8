// What the tests of state/ share: a runtime with its main thread attached, and
// objects to make and drop.

#ifndef RUNTIME_STATE_STATE_TESTING_H_
#define RUNTIME_STATE_STATE_TESTING_H_

#include <cstdint>
#include <memory>

#include "gtest/gtest.h"
#include "runtime/base/config.h"
#include "runtime/base/fault_point.h"
#include "runtime/object/instance.h"
#include "runtime/object/list.h"
#include "runtime/object/number.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/type.h"
#include "runtime/state/balance.h"
#include "runtime/state/fork.h"
#include "runtime/state/interpreter.h"
#include "runtime/state/runtime.h"
#include "runtime/state/stop_the_world.h"
#include "runtime/state/thread_state.h"

namespace rt {

// A runtime whose invariants are all checked in each stop.
inline std::unique_ptr<Runtime> MakeCheckedRuntime() {
  RuntimeConfig config;
  config.check_every_stop_count = 1;
  std::unique_ptr<Runtime> runtime = Runtime::Create(config);
  EXPECT_NE(runtime, nullptr);
  return runtime;
}

// The same, in which a detached owner merges for itself, later.
inline std::unique_ptr<Runtime> MakeRuntimeWithoutBorrowing() {
  RuntimeConfig config;
  config.check_every_stop_count = 1;
  config.merge_for_detached_owners = false;
  std::unique_ptr<Runtime> runtime = Runtime::Create(config);
  EXPECT_NE(runtime, nullptr);
  return runtime;
}

// A list of `count` numbers; one reference.
inline List* MakeList(ThreadState& thread, int64_t count) {
  List* const list = ListNew(thread);
  for (int64_t i = 0; i < count; ++i) {
    Number* const number = NumberNew(thread, i);
    EXPECT_TRUE(ListAppend(thread, list, AsObject(number)));
    Decref(thread, AsObject(number));
  }
  return list;
}

// The balance at rest.
inline BalanceSnapshot RestingBalance(ThreadState& thread) {
  BalanceSnapshot snapshot;
  EXPECT_TRUE(thread.interpreter->Quiesce(thread));
  EXPECT_TRUE(thread.interpreter->Snapshot(thread, &snapshot));
  return snapshot;
}

// What must be back at its start after a closed scenario.
inline void ExpectSameBalance(const BalanceSnapshot& start, const BalanceSnapshot& end) {
  EXPECT_EQ(start.reference_total, end.reference_total);
  EXPECT_EQ(start.references_by_type, end.references_by_type);
  EXPECT_EQ(start.LiveBlockCount(), end.LiveBlockCount());
  EXPECT_EQ(start.thread_state_count, end.thread_state_count);
  EXPECT_EQ(start.qsbr_slot_count, end.qsbr_slot_count);
  EXPECT_EQ(end.queued_object_count, 0);
  EXPECT_EQ(end.delayed_free_count, 0);
  EXPECT_EQ(end.delayed_free_bytes, 0);
}

}  // namespace rt

#endif  // RUNTIME_STATE_STATE_TESTING_H_
