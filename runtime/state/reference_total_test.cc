// Reference totals are exact on every path: a table of ways to take and drop
// references across threads. While each still holds what it made, the walk over
// all objects must find what was counted, per type; afterwards nothing is left.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <ostream>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/object/dict.h"
#include "runtime/object/per_thread_count.h"
#include "runtime/object/tuple.h"
#include "runtime/state/state_testing.h"

namespace rt {
namespace {

// What a way works with. Everything it makes is gone when it returns.
struct Scene {
  Runtime& runtime;
  Interpreter& interpreter;
  ThreadState& main;

  // INV-RT-1 and all others, in a stopped world.
  void Check() const {
    ASSERT_TRUE(StopTheWorld(main, StopScope::kInterpreter));
    interpreter.CheckInvariantsWorldStopped(main);
    StartTheWorld(main);
  }

  // Runs `body` attached on a thread of its own and waits for it, detached.
  void On(const std::function<void(ThreadState&)>& body) const {
    Detach(main);
    std::thread([&] {
      ScopedThreadState thread(interpreter);
      body(*thread);
    }).join();
    ASSERT_TRUE(Attach(main));
  }

  // The same as a thread state that stays, detached.
  void As(ThreadState& thread, const std::function<void(ThreadState&)>& body) const {
    Detach(main);
    std::thread([&] {
      ASSERT_TRUE(Attach(thread));
      body(thread);
      Detach(thread);
    }).join();
    ASSERT_TRUE(Attach(main));
  }

  void Remove(ThreadState* thread) const {
    ClearThreadState(main, *thread);
    DeleteThreadState(main, *thread);
    ReleaseThreadState(thread);
  }
};

struct Way {
  const char* name;
  bool merge_for_detached_owners;
  void (*run)(const Scene&);
};

void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

void OwnerAlone(const Scene& scene) {
  List* list = MakeList(scene.main, 10);
  Incref(scene.main, AsObject(list));
  scene.Check();
  Decref(scene.main, AsObject(list));
  Decref(scene.main, AsObject(list));
}

void MergeZeroLocal(const Scene& scene) {
  List* list = MakeList(scene.main, 10);
  scene.On([&](ThreadState& other) { Incref(other, AsObject(list)); });
  Decref(scene.main, AsObject(list));
  scene.Check();
  scene.On([&](ThreadState& other) { Decref(other, AsObject(list)); });
}

void Queue(const Scene& scene) {
  ThreadState* const owner = NewThreadState(scene.interpreter);
  List* list = nullptr;
  scene.As(*owner, [&](ThreadState& thread) { list = MakeList(thread, 10); });
  Decref(scene.main, AsObject(list));
  scene.Check();
  scene.As(*owner, [](ThreadState& thread) { ASSERT_TRUE(SafePoint(thread)); });
  scene.Check();
  scene.Remove(owner);
}

void QueueAndLeave(const Scene& scene) {
  ThreadState* const owner = NewThreadState(scene.interpreter);
  List* list = nullptr;
  scene.As(*owner, [&](ThreadState& thread) { list = MakeList(thread, 10); });
  Decref(scene.main, AsObject(list));
  scene.Remove(owner);
  scene.Check();
}

void OwnerHasLeft(const Scene& scene) {
  List* list = nullptr;
  scene.On([&](ThreadState& other) {
    list = MakeList(other, 10);
    Incref(other, AsObject(list));
  });
  scene.Check();
  Decref(scene.main, AsObject(list));
  scene.Check();
  Decref(scene.main, AsObject(list));
}

void MergeInStoppedWorld(const Scene& scene) {
  ThreadState* const owner = NewThreadState(scene.interpreter);
  List* list = nullptr;
  scene.As(*owner, [&](ThreadState& thread) { list = MakeList(thread, 10); });
  // No memory for the queue.
  (void)SetFaultHook([](const char*) { return true; });
  Decref(scene.main, AsObject(list));
  (void)SetFaultHook(nullptr);
  scene.Check();
  scene.Remove(owner);
}

void TryIncrefOfOthers(const Scene& scene) {
  List* list = MakeList(scene.main, 1);
  Object* item = ListGet(scene.main, list, 0);
  SetMaybeWeakref(item);
  scene.On([&](ThreadState& other) {
    ASSERT_TRUE(TryIncref(other, item));
    Object* again = ListGet(other, list, 0);
    Decref(other, item);
    Decref(other, again);
  });
  scene.Check();
  Decref(scene.main, item);
  Decref(scene.main, AsObject(list));
}

void Resurrection(const Scene& scene) {
  // Keeps itself once: the finalizer stores it in a list.
  static List* keeper;
  keeper = ListNew(scene.main);
  TypeSpec spec;
  spec.name = "phoenix";
  spec.finalizer = [](ObjectThread& thread, Instance* self, void*) {
    ASSERT_TRUE(ListAppend(thread, keeper, AsObject(self)));
  };
  TypeObject* const type = TypeNew(scene.main, spec);
  Decref(scene.main, AsObject(InstanceNew(scene.main, type)));
  EXPECT_EQ(ListSize(keeper), 1);
  scene.Check();
  // And one that a foreign thread resurrects.
  Instance* handed = InstanceNew(scene.main, type);
  Detach(scene.main);
  std::thread([&] {
    ScopedThreadState other(scene.interpreter);
    Decref(*other, AsObject(handed));
  }).join();
  ASSERT_TRUE(Attach(scene.main));
  ASSERT_TRUE(SafePoint(scene.main));
  EXPECT_EQ(ListSize(keeper), 2);
  scene.Check();
  Decref(scene.main, AsObject(keeper));
  Decref(scene.main, AsObject(type));
}

void PerThreadCounts(const Scene& scene) {
  TypeObject* const type = TypeNew(scene.main, {.name = "hot", .slot_count = 1});
  std::vector<Instance*> instances;
  scene.On([&](ThreadState& other) {
    for (int i = 0; i < 20; ++i) instances.push_back(InstanceNew(other, type));
  });
  EXPECT_NE(type->count_id.load(std::memory_order_relaxed), kNoCountId);
  scene.Check();
  ThreadState* const another = NewThreadState(scene.interpreter);
  scene.As(*another, [&](ThreadState& thread) {
    for (int i = 0; i < 15; ++i) Decref(thread, AsObject(instances[static_cast<size_t>(i)]));
  });
  // Of `another` -15 wait in its array, in that of main nothing.
  scene.Check();
  for (size_t i = 15; i < 20; ++i) Decref(scene.main, AsObject(instances[i]));
  Decref(scene.main, AsObject(type));
  scene.Check();
  scene.Remove(another);
  scene.Check();
}

void Immortal(const Scene& scene) {
  // Lives in the heap until the end: its counts are gone at once.
  Tuple* tuple = TupleNew(scene.main, nullptr, 0);
  ASSERT_TRUE(MakeImmortal(scene.main, AsObject(tuple)));
  scene.On([&](ThreadState& other) {
    Incref(other, AsObject(tuple));
    Decref(other, AsObject(tuple));
    Decref(other, AsObject(tuple));
  });
  scene.Check();
}

void Containers(const Scene& scene) {
  Dict* dict = DictNew(scene.main);
  DictCountPerThread(scene.main, dict);
  scene.On([&](ThreadState& other) {
    for (int i = 0; i < 50; ++i) {
      Object* items[] = {AsObject(NumberNew(other, i)), AsObject(dict)};
      Tuple* tuple = TupleNew(other, items, 1);
      ASSERT_TRUE(DictSet(other, dict, items[0], AsObject(tuple)));
      Decref(other, AsObject(tuple));
      Decref(other, items[0]);
      IncrefDict(other, dict);
    }
  });
  scene.Check();
  for (int i = 0; i < 50; ++i) DecrefDict(scene.main, dict);
  DictClear(scene.main, dict);
  Decref(scene.main, AsObject(dict));
}

// In a child the dead threads' totals, queues and arrays are the survivor's.
void ForkedChild(const Scene& scene) {
  ThreadState* const owner = NewThreadState(scene.interpreter);
  TypeObject* const type = TypeNew(scene.main, {.name = "forked"});
  List* list = nullptr;
  Instance* instance = nullptr;
  scene.As(*owner, [&](ThreadState& thread) {
    list = MakeList(thread, 10);
    instance = InstanceNew(thread, type);
    Incref(thread, AsObject(list));
  });
  Decref(scene.main, AsObject(list));  // Queued, or merged.
  const pid_t child = Fork(scene.main);
  ASSERT_GE(child, 0);
  if (child == 0) {
    Decref(scene.main, AsObject(list));
    Decref(scene.main, AsObject(instance));
    Decref(scene.main, AsObject(type));
    BalanceSnapshot rest;
    const bool exact = scene.interpreter.Quiesce(scene.main) &&
                       scene.interpreter.Snapshot(scene.main, &rest) && rest.reference_total == 0 &&
                       rest.LiveBlockCount() == 0;
    _exit(exact ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
  Decref(scene.main, AsObject(list));
  Decref(scene.main, AsObject(instance));
  Decref(scene.main, AsObject(type));
  scene.Remove(owner);
}

class ReferenceTotalTest : public testing::TestWithParam<Way> {};

TEST_P(ReferenceTotalTest, IsExactlyZeroAfterwards) {
  const std::unique_ptr<Runtime> runtime =
      GetParam().merge_for_detached_owners ? MakeCheckedRuntime() : MakeRuntimeWithoutBorrowing();
  Interpreter& interpreter = *runtime->main_interpreter();
  ScopedThreadState main(interpreter);
  GetParam().run(Scene{*runtime, interpreter, *main});
  const BalanceSnapshot rest = RestingBalance(*main);
  EXPECT_EQ(rest.reference_total, 0);
  for (size_t type = 0; type < kReferenceTypeCount; ++type) {
    EXPECT_EQ(rest.references_by_type[type], 0) << "type " << type;
  }
  EXPECT_EQ(rest.queued_object_count, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Ways, ReferenceTotalTest,
    testing::Values(
        Way{"OwnerAlone", true, OwnerAlone}, Way{"MergeZeroLocal", true, MergeZeroLocal},
        Way{"Queue", false, Queue}, Way{"QueueOfABorrowedOwner", true, Queue},
        Way{"QueueAndLeave", false, QueueAndLeave}, Way{"OwnerHasLeft", true, OwnerHasLeft},
        Way{"MergeInStoppedWorld", false, MergeInStoppedWorld},
        Way{"TryIncref", true, TryIncrefOfOthers}, Way{"Resurrection", true, Resurrection},
        Way{"PerThreadCounts", true, PerThreadCounts}, Way{"Immortal", true, Immortal},
        Way{"Containers", true, Containers}, Way{"ForkedChild", false, ForkedChild},
        Way{"ForkedChildOfBorrowers", true, ForkedChild}),
    [](const testing::TestParamInfo<Way>& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace rt
