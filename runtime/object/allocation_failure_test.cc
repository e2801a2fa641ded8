// Every allocation of every constructor and operation fails once: the operation
// says so, and nothing is lost or left behind.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/object/dict.h"
#include "runtime/object/instance.h"
#include "runtime/object/invariants.h"
#include "runtime/object/list.h"
#include "runtime/object/number.h"
#include "runtime/object/object_test_space.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/tuple.h"

namespace rt {
namespace {

struct State {
  TypeObject* type;
  List* list;
  Number* number;
};

struct Operation {
  const char* name;
  // How many allocations it makes at least, without freelists.
  int64_t allocation_count;
  // Returns false if it failed. Undoes itself if it succeeded.
  std::function<bool(TestThread&, State&)> run;
  // The list is full, so that appending must grow it.
  bool full_list = false;
};

bool MakeAndDrop(TestThread& thread, Object* object) {
  if (object == nullptr) return false;
  Decref(thread, object);
  return true;
}

std::vector<Operation> Operations() {
  return {
      {"NumberNew", 1,
       [](TestThread& thread, State&) {
         Number* number = NumberNew(thread, 1);
         return number != nullptr && MakeAndDrop(thread, AsObject(number));
       }},
      {"ListNew", 1,
       [](TestThread& thread, State&) {
         List* list = ListNew(thread);
         return list != nullptr && MakeAndDrop(thread, AsObject(list));
       }},
      {"ListNewWithCapacity", 2,
       [](TestThread& thread, State&) {
         List* list = ListNew(thread, 10);
         return list != nullptr && MakeAndDrop(thread, AsObject(list));
       }},
      {"TypeNew", 1,
       [](TestThread& thread, State&) {
         TypeObject* type = TypeNew(thread, {.name = "new"});
         return type != nullptr && MakeAndDrop(thread, AsObject(type));
       }},
      {"InstanceNew", 1,
       [](TestThread& thread, State& state) {
         Instance* instance = InstanceNew(thread, state.type);
         return instance != nullptr && MakeAndDrop(thread, AsObject(instance));
       }},
      {"TupleNew", 1,
       [](TestThread& thread, State& state) {
         Object* items[] = {AsObject(state.number), AsObject(state.number)};
         Tuple* tuple = TupleNew(thread, items, 2);
         return tuple != nullptr && MakeAndDrop(thread, AsObject(tuple));
       }},
      {"DictNew", 1,
       [](TestThread& thread, State&) {
         Dict* dict = DictNew(thread);
         return dict != nullptr && MakeAndDrop(thread, AsObject(dict));
       }},
      {"DictSet", 2,
       [](TestThread& thread, State& state) {
         Dict* dict = DictNew(thread);
         if (dict == nullptr) return false;
         const bool done = DictSet(thread, dict, AsObject(state.number), AsObject(state.list));
         EXPECT_EQ(DictSize(dict), done ? 1 : 0);
         Decref(thread, AsObject(dict));
         return done;
       }},
      {"ListAppend", 2,
       [](TestThread& thread, State& state) {
         if (!ListAppend(thread, state.list, AsObject(state.number))) {
           return false;
         }
         Decref(thread, ListPop(thread, state.list));
         return true;
       },
       true},
      // Growing succeeds and the old array cannot be queued: the world stops.
      {"ListClear", 1,
       [](TestThread& thread, State& state) {
         ListClear(thread, state.list);
         return true;
       }},
      // Without memory a list does not shrink.
      {"ListPop", 1,
       [](TestThread& thread, State& state) {
         while (Object* item = ListPop(thread, state.list)) {
           Decref(thread, item);
         }
         return true;
       }},
  };
}

class AllocationFailureTest : public ::testing::TestWithParam<bool> {};

// Runs `operation` on a fresh space with allocation `index` failing (-1: none).
// Returns whether an allocation was made to fail.
bool RunOnce(const Operation& operation, int64_t index, bool all_later, bool warm_freelists) {
  ObjectTestSpace test;
  TestThread thread(test);
  State state;
  state.type = TypeNew(thread, {.name = "fixed", .slot_count = 2});
  state.number = NumberNew(thread, 4);
  if (warm_freelists) {
    // The next life of a list that had an array (M-FL-01).
    List* list = ListNew(thread, 3);
    EXPECT_TRUE(ListAppend(thread, list, AsObject(state.number)));
    List* another = ListNew(thread, 3);
    Decref(thread, AsObject(list));
    Decref(thread, AsObject(another));
    Decref(thread, AsObject(NumberNew(thread, 5)));
  }
  state.list = ListNew(thread);
  do {
    EXPECT_TRUE(ListAppend(thread, state.list, AsObject(state.number)));
  } while (ListSize(state.list) < 64 ||
           (operation.full_list &&
            ListSize(state.list) != state.list->array.load(std::memory_order_relaxed)->capacity));

  // So that the next delayed free needs a chunk of its own.
  thread.delayed_free.Abandon();

  const int64_t references = test.ReferenceTotal();
  const int64_t blocks = test.LiveBlockCount();
  const int64_t size = ListSize(state.list);
  bool succeeded;
  bool failed;
  {
    ScopedAllocationFault fault(index, all_later);
    succeeded = operation.run(thread, state);
    failed = fault.failed();
  }
  if (index < 0) {
    EXPECT_TRUE(succeeded) << operation.name;
  }
  if (!succeeded) {
    EXPECT_EQ(ListSize(state.list), size) << operation.name;
    EXPECT_EQ(test.ReferenceTotal(), references) << operation.name;
    EXPECT_EQ(test.LiveBlockCount(), blocks) << operation.name;
  }
  CheckFreelistInvariants(thread);
  CheckObjectInvariantsWorldStopped(AsObject(state.list));
  CheckObjectInvariantsWorldStopped(AsObject(state.number));
  // The same again, now that there is memory.
  EXPECT_TRUE(operation.run(thread, state)) << operation.name;
  Decref(thread, AsObject(state.list));
  Decref(thread, AsObject(state.number));
  Decref(thread, AsObject(state.type));
  EXPECT_EQ(test.ReferenceTotal(), 0) << operation.name << " " << index;
  return failed;
}

TEST_P(AllocationFailureTest, EveryAllocationOfEveryOperation) {
  for (const Operation& operation : Operations()) {
    EXPECT_FALSE(RunOnce(operation, -1, false, GetParam()));
    for (const bool all_later : {false, true}) {
      int64_t index = 0;
      while (RunOnce(operation, index, all_later, GetParam())) ++index;
      if (!GetParam() && !all_later) {
        EXPECT_GE(index, operation.allocation_count) << operation.name;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Freelists, AllocationFailureTest, ::testing::Bool(),
                         [](const ::testing::TestParamInfo<bool>& tested) {
                           return tested.param ? "Warm" : "Cold";
                         });

}  // namespace
}  // namespace rt
