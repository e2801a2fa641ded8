#include "runtime/state/runtime.h"

#include <sys/mman.h>

#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/sanitizer.h"
#include "runtime/state/state_testing.h"
#include "runtime/stats/counter_region.h"

namespace rt {
namespace {

TEST(RuntimeTest, ManyInARowStartEmptyAndEndEmpty) {
  for (int i = 0; i < 20; ++i) {
    std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
    ASSERT_NE(runtime->main_interpreter(), nullptr);
    {
      ScopedThreadState thread(*runtime->main_interpreter());
      ASSERT_TRUE(thread);
      const BalanceSnapshot start = RestingBalance(*thread);
      EXPECT_EQ(start.reference_total, 0);
      Decref(*thread, AsObject(MakeList(*thread, 50)));
      ExpectSameBalance(start, RestingBalance(*thread));
    }
    EXPECT_EQ(runtime->ReadReferenceTotal(), 0);
    EXPECT_TRUE(runtime->Finalize());
    EXPECT_FALSE(runtime->Finalize()) << "only once";
  }
}

#if RT_CHECKS
TEST(RuntimeTest, ChecksInStopsCanBeTurnedOnWhileItLives) {
  std::unique_ptr<Runtime> runtime = Runtime::Create();
  ScopedThreadState thread(*runtime->main_interpreter());
  ASSERT_TRUE(thread);
  // A reference that nobody counted: only a check finds it.
  Object* const kept = AsObject(NumberNew(*thread, 1));
  thread->counters->AddReferences(kStatIndexNumber, 1);
  ASSERT_TRUE(StopTheWorld(*thread, StopScope::kInterpreter));
  StartTheWorld(*thread);
  runtime->SetCheckEveryStopCount(1);
  EXPECT_EQ(runtime->check_every_stop_count(), 1u);
  EXPECT_DEATH((void)StopTheWorld(*thread, StopScope::kInterpreter), "INV-RT-1");
  thread->counters->AddReferences(kStatIndexNumber, -1);
  Decref(*thread, kept);
}
#endif

TEST(RuntimeTest, TwoSideBySideAreIndependent) {
  std::unique_ptr<Runtime> first = MakeCheckedRuntime();
  std::unique_ptr<Runtime> second = MakeCheckedRuntime();
  ThreadState* const one = NewThreadState(*first->main_interpreter());
  ThreadState* const two = NewThreadState(*second->main_interpreter());
  ASSERT_TRUE(Attach(*one));
  Object* const kept = AsObject(NumberNew(*one, 1));
  EXPECT_EQ(first->ReadReferenceTotal(), RT_REFERENCE_TOTALS);
  EXPECT_EQ(second->ReadReferenceTotal(), 0);
  Decref(*one, kept);
  Detach(*one);
  ASSERT_TRUE(Attach(*two));
  first.reset();
  Object* const other = AsObject(NumberNew(*two, 2));
  Decref(*two, other);
  Detach(*two);
  EXPECT_FALSE(Attach(*one));
  ReleaseThreadState(one);
  second.reset();
  ReleaseThreadState(two);
}

TEST(RuntimeTest, CreationFailsCleanlyWithoutMemory) {
  // Every allocation fails in turn, until a creation needs no more of them.
  static int countdown;
  static int failure_count;
  for (int allowed = 0;; ++allowed) {
    countdown = allowed;
    failure_count = 0;
    SetFaultHook([](const char*) {
      const bool fail = countdown-- == 0;
      if (fail) ++failure_count;
      return fail;
    });
    std::unique_ptr<Runtime> runtime = Runtime::Create();
    SetFaultHook(nullptr);
    if (failure_count == 0) {
      EXPECT_NE(runtime, nullptr);
      EXPECT_GE(allowed, 2);
      break;
    }
    EXPECT_EQ(runtime, nullptr) << "fault point number " << allowed;
  }
}

TEST(RuntimeTest, InterpretersAreLimitedAndRefusedWhenFinalizing) {
  RuntimeConfig config;
  config.max_interpreter_count = 2;
  std::unique_ptr<Runtime> runtime = Runtime::Create(config);
  Interpreter* const second = Interpreter::Create(*runtime);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(Interpreter::Create(*runtime), nullptr);
  EXPECT_EQ(runtime->interpreter_count(), 2u);
  EXPECT_TRUE(Interpreter::Destroy(second));
  EXPECT_NE(Interpreter::Create(*runtime), nullptr);
  EXPECT_TRUE(runtime->Finalize());
  EXPECT_EQ(Interpreter::Create(*runtime), nullptr);
  EXPECT_EQ(NewThreadState(*runtime->main_interpreter()), nullptr);
}

TEST(RuntimeTest, ThreadStatesAreLimited) {
  RuntimeConfig config;
  config.max_thread_state_count = 3;
  std::unique_ptr<Runtime> runtime = Runtime::Create(config);
  std::vector<ThreadState*> threads;
  for (int i = 0; i < 3; ++i) {
    threads.push_back(NewThreadState(*runtime->main_interpreter()));
    ASSERT_NE(threads.back(), nullptr);
  }
  EXPECT_EQ(NewThreadState(*runtime->main_interpreter()), nullptr);
  // The limit does not keep anybody from finalizing.
  runtime.reset();
  for (ThreadState* thread : threads) ReleaseThreadState(thread);
}

TEST(RuntimeTest, CountsInTheMemoryItWasGiven) {
  const size_t bytes = (CounterRegion::BytesFor(3) + 4095) / 4096 * 4096;
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  {
    RuntimeConfig config;
    config.counter_memory = memory;
    config.counter_memory_bytes = bytes;
    std::unique_ptr<Runtime> runtime = Runtime::Create(config);
    ScopedThreadState thread(*runtime->main_interpreter());
    Object* const number = AsObject(NumberNew(*thread, 7));
    EXPECT_EQ(runtime->ReadReferenceTotal(), RT_REFERENCE_TOTALS);
    const char* const counters = reinterpret_cast<char*>(thread->counters);
    EXPECT_GE(counters, static_cast<char*>(memory));
    EXPECT_LT(counters, static_cast<char*>(memory) + bytes);
    Decref(*thread, number);
  }
  munmap(memory, bytes);
}

// R3: the interpreter is gone with its threads, what they counted is not.
TEST(RuntimeTest, CountersOutliveTheirInterpreter) {
  std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
  CounterTotals before;
  runtime->ReadCounters(&before);
  // LeakSanitizer would tell of the one that is lost.
  constexpr int kLost = kAddressSanitizer ? 0 : 1;
  Interpreter* const interpreter = Interpreter::Create(*runtime);
  ASSERT_NE(interpreter, nullptr);
  std::thread([&] {
    ScopedThreadState thread(*interpreter);
    Decref(*thread, AsObject(MakeList(*thread, 10)));
    if (kLost != 0) (void)MakeList(*thread, 1);
  }).join();
  CounterTotals alive;
  runtime->ReadCounters(&alive);
  alive.Subtract(before);
  EXPECT_EQ(alive.Get(Counter::kListsCreated), 1 + kLost);
  ASSERT_TRUE(Interpreter::Destroy(interpreter));
  CounterTotals after;
  runtime->ReadCounters(&after);
  after.Subtract(before);
  EXPECT_EQ(after.Get(Counter::kListsCreated), 1 + kLost);
  EXPECT_EQ(after.Get(Counter::kListsDestroyed), 1);
  EXPECT_EQ(after.Get(Counter::kThreadStatesCreated), 2) << "the thread's and the destroyer's";
  EXPECT_EQ(after.Get(Counter::kThreadStatesDestroyed), 2);
  EXPECT_EQ(after.Get(Counter::kHeapBundlesDestroyed), after.Get(Counter::kHeapBundlesCreated));
  EXPECT_GT(after.Get(Counter::kHeapBundlesDestroyed), 0);
  EXPECT_EQ(after.ReferenceTotal(), 0) << "what it leaked went with its memory";
}

TEST(RuntimeTest, LiveReadingsSumToTheTotal) {
  std::unique_ptr<Runtime> runtime = MakeCheckedRuntime();
  Interpreter& interpreter = *runtime->main_interpreter();
  ScopedThreadState thread(interpreter);
  List* const list = MakeList(*thread, 10);
  std::thread([&] {
    ScopedThreadState other(interpreter);
    Incref(*other, AsObject(list));
  }).join();
  ThreadReading readings[4];
  ASSERT_EQ(interpreter.ReadThreads(readings), 1u);
  EXPECT_EQ(readings[0].id, thread->id);
  EXPECT_EQ(readings[0].status, static_cast<uint32_t>(ThreadStatus::kAttached));
#if RT_REFERENCE_TOTALS
  EXPECT_EQ(readings[0].reference_total, 11);
  EXPECT_EQ(interpreter.ReadReferenceTotal(), 12) << "the other thread's count outlives it";
#endif
  Decref(*thread, AsObject(list));
  Decref(*thread, AsObject(list));
  EXPECT_EQ(interpreter.ReadReferenceTotal(), 0);
}

}  // namespace
}  // namespace rt
