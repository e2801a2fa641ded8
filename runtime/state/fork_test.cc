#include "runtime/state/fork.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/sanitizer.h"
#include "runtime/state/state_testing.h"
#include "runtime/stats/counter_region.h"

namespace rt {
namespace {

constexpr int kForks = (kAddressSanitizer || kThreadSanitizer) ? 10 : 60;

// In the child: ends the judgement with false.
#define CHILD_EXPECT(condition)                                      \
  do {                                                               \
    if (!(condition)) {                                              \
      fprintf(stderr, "child: line %d: %s\n", __LINE__, #condition); \
      return false;                                                  \
    }                                                                \
  } while (false)

// Forks; the child runs `judge` and exits with its verdict, the parent waits
// for it. Call it attached.
template <typename Judge>
void ExpectChild(ThreadState& thread, Judge&& judge) {
  const pid_t pid = Fork(thread);
  ASSERT_NE(pid, -1) << errno;
  if (pid == 0) _exit(judge() ? 0 : 1);
  Detach(thread);
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(Attach(thread));
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
}

// What every child must be able to do: use the runtime, start a thread, come
// to rest with its invariants whole.
bool UseRuntimeInChild(ThreadState& thread) {
  Interpreter& interpreter = *thread.interpreter;
  BalanceSnapshot start;
  CHILD_EXPECT(interpreter.Quiesce(thread));
  CHILD_EXPECT(interpreter.Snapshot(thread, &start));
  CHILD_EXPECT(start.thread_state_count == 1 && start.qsbr_slot_count == 1);
  CHILD_EXPECT(start.queued_object_count == 0);
  CHILD_EXPECT(start.delayed_free_count == 0);
  Decref(thread, AsObject(MakeList(thread, 100)));
  Detach(thread);
  std::thread([&] {
    ScopedThreadState other(interpreter);
    Decref(*other, AsObject(MakeList(*other, 100)));
  }).join();
  CHILD_EXPECT(Attach(thread));
  BalanceSnapshot end;
  CHILD_EXPECT(interpreter.Quiesce(thread));
  CHILD_EXPECT(interpreter.Snapshot(thread, &end));
  CHILD_EXPECT(end.reference_total == start.reference_total);
  CHILD_EXPECT(end.LiveBlockCount() == start.LiveBlockCount());
  return true;
}

class ForkTest : public testing::Test {
 protected:
  std::unique_ptr<Runtime> runtime_ = MakeCheckedRuntime();
  Interpreter& interpreter_ = *runtime_->main_interpreter();
};

// Threads that hold objects and work between safe points without changing what
// they hold; every second one is mostly detached.
class Holders {
 public:
  static constexpr int kThreads = 4;
  static constexpr int kItems = 500;
  static constexpr int64_t kHeldReferences = kThreads * (kItems + 1) * RT_REFERENCE_TOTALS;

  explicit Holders(Interpreter& interpreter) : meet_(kThreads + 1) {
    for (int w = 0; w < kThreads; ++w) {
      workers_.emplace_back([this, w, &interpreter] {
        ScopedThreadState thread(interpreter);
        List* const kept = MakeList(*thread, kItems);
        meet_.arrive_and_wait();
        while (!done_.load()) {
          Decref(*thread, AsObject(MakeList(*thread, 4)));
          ASSERT_TRUE(SafePoint(*thread));
          if (w % 2 == 0) continue;
          Detach(*thread);
          std::this_thread::yield();
          ASSERT_TRUE(Attach(*thread));
        }
        Decref(*thread, AsObject(kept));
      });
    }
    meet_.arrive_and_wait();
  }
  ~Holders() {
    done_ = true;
    for (std::thread& worker : workers_) worker.join();
  }

 private:
  std::barrier<> meet_;
  std::atomic<bool> done_ = false;
  std::vector<std::thread> workers_;
};

TEST_F(ForkTest, TotalsOfTheChildAreTheParentsAtTheFork) {
  ThreadState* const main = NewThreadState(interpreter_);
  {
    Holders holders(interpreter_);
    ASSERT_TRUE(Attach(*main));
    for (int i = 0; i < kForks; ++i) {
      ExpectChild(*main, [&] {
        CHILD_EXPECT(interpreter_.ReadReferenceTotal() == Holders::kHeldReferences);
        CHILD_EXPECT(runtime_->ReadReferenceTotal() == Holders::kHeldReferences);
        return UseRuntimeInChild(*main);
      });
    }
    Detach(*main);
  }
  ASSERT_TRUE(Attach(*main));
  EXPECT_EQ(RestingBalance(*main).reference_total, 0);
  ClearThreadState(*main, *main);
  DeleteThreadState(*main, *main);
}

TEST_F(ForkTest, FreelistsOfTheSurvivorStayEnabled) {
  ThreadState* const main = NewThreadState(interpreter_);
  {
    Holders holders(interpreter_);
    ASSERT_TRUE(Attach(*main));
    Decref(*main, AsObject(MakeList(*main, 10)));
    const int32_t number_count = main->number_freelist.size();
    ExpectChild(*main, [&] {
      CHILD_EXPECT(main->number_freelist.enabled() == (RT_FREELISTS != 0));
      CHILD_EXPECT(main->list_freelist.enabled() == (RT_FREELISTS != 0));
      CHILD_EXPECT(main->number_freelist.size() == number_count);
      return true;
    });
    Detach(*main);
  }
  ASSERT_TRUE(Attach(*main));
  ClearThreadState(*main, *main);
  DeleteThreadState(*main, *main);
}

TEST_F(ForkTest, QueuesOfTheDeadAreDrainedAndTheirLocalsDropped) {
  static std::atomic<int> finalized_count;
  finalized_count = 0;
  // So that something is queued for a detached owner at the fork.
  const std::unique_ptr<Runtime> runtime = MakeRuntimeWithoutBorrowing();
  Interpreter& interpreter = *runtime->main_interpreter();
  ScopedThreadState main(interpreter);
  TypeSpec spec;
  spec.name = "queued";
  spec.finalizer = [](ObjectThread&, Instance*, void*) { ++finalized_count; };
  TypeObject* const type = TypeNew(*main, spec);
  ThreadState* owner = nullptr;
  constexpr int kQueued = 30;
  std::vector<Instance*> queued;
  Detach(*main);
  std::thread([&] {
    owner = NewThreadState(interpreter);
    ASSERT_TRUE(Attach(*owner));
    for (int i = 0; i < kQueued; ++i) {
      queued.push_back(InstanceNew(*owner, type));
    }
    SetLocalObject(*owner, AsObject(InstanceNew(*owner, type)));
    Detach(*owner);
  }).join();
  ASSERT_TRUE(Attach(*main));
  for (Instance* instance : queued) Decref(*main, AsObject(instance));
  EXPECT_EQ(finalized_count, 0) << "the owner has not run";
  ExpectChild(*main, [&] {
    CHILD_EXPECT(finalized_count == kQueued + 1);
    Decref(*main, AsObject(type));
    CHILD_EXPECT(interpreter.ReadReferenceTotal() == 0);
    return UseRuntimeInChild(*main);
  });
  EXPECT_EQ(finalized_count, 0);
  ClearThreadState(*main, *owner);
  DeleteThreadState(*main, *owner);
  ReleaseThreadState(owner);
  EXPECT_EQ(finalized_count, kQueued + 1);
  Decref(*main, AsObject(type));
  EXPECT_EQ(RestingBalance(*main).reference_total, 0);
}

TEST_F(ForkTest, OtherInterpretersSurviveWithoutThreads) {
  Interpreter* const second = Interpreter::Create(*runtime_);
  ThreadState* const main = NewThreadState(interpreter_);
  // Of this OS thread too, but not current: shut down in the child.
  ThreadState* const sibling = NewThreadState(*second);
  ASSERT_TRUE(Attach(*sibling));
  List* const kept = MakeList(*sibling, 7);
  Detach(*sibling);
  {
    Holders holders(*second);
    ASSERT_TRUE(Attach(*main));
    ExpectChild(*main, [&] {
      CHILD_EXPECT(CurrentThreadState() == main);
      CHILD_EXPECT(second->thread_state_count() == 0);
      CHILD_EXPECT(second->ReadReferenceTotal() ==
                   Holders::kHeldReferences + 8 * RT_REFERENCE_TOTALS);
      CHILD_EXPECT(StatusOf(*sibling) == ThreadStatus::kShuttingDown);
      ReleaseThreadState(sibling);
      Detach(*main);
      {
        ScopedThreadState visitor(*second);
        CHILD_EXPECT(visitor.get() != nullptr);
        Decref(*visitor, AsObject(kept));
        CHILD_EXPECT(UseRuntimeInChild(*visitor));
      }
      BalanceSnapshot last;
      if (!kAddressSanitizer) {
        CHILD_EXPECT(Interpreter::Destroy(second, &last));
        CHILD_EXPECT(last.reference_total == Holders::kHeldReferences);
      }
      CHILD_EXPECT(Attach(*main));
      return UseRuntimeInChild(*main);
    });
    Detach(*main);
  }
  ASSERT_TRUE(Attach(*sibling));
  Decref(*sibling, AsObject(kept));
  ClearThreadState(*sibling, *sibling);
  DeleteThreadState(*sibling, *sibling);
  ASSERT_TRUE(Attach(*main));
  ClearThreadState(*main, *main);
  DeleteThreadState(*main, *main);
}

// The parent counts on in memory that both see; the child repairs itself later.
TEST_F(ForkTest, SharedCounterMemoryStaysTheParents) {
  const size_t bytes = (CounterRegion::BytesFor(8) + 4095) / 4096 * 4096;
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  RuntimeConfig config;
  config.counter_memory = memory;
  config.counter_memory_bytes = bytes;
  std::unique_ptr<Runtime> runtime = Runtime::Create(config);
  Interpreter& interpreter = *runtime->main_interpreter();
  {
    ScopedThreadState main(interpreter);
    List* const kept = MakeList(*main, 20);
    int pipe_fds[2];
    ASSERT_EQ(pipe(pipe_fds), 0);
    ASSERT_TRUE(BeforeFork(*main));
    const pid_t pid = fork();
    if (pid == 0) {
      char byte;
      if (read(pipe_fds[0], &byte, 1) != 1) _exit(2);
      AfterForkChild(*main);
      const bool exact = interpreter.ReadReferenceTotal() == 21 * RT_REFERENCE_TOTALS;
      for (int i = 0; i < 100; ++i) (void)!NumberNew(*main, i);
      _exit(exact && UseRuntimeInChild(*main) ? 0 : 1);
    }
    AfterForkParent(*main);
    List* const more = MakeList(*main, 50);
    ASSERT_EQ(write(pipe_fds[1], "x", 1), 1);
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0) << "exact at the fork";
    EXPECT_EQ(interpreter.ReadReferenceTotal(), 72 * RT_REFERENCE_TOTALS);
    Decref(*main, AsObject(more));
    Decref(*main, AsObject(kept));
    EXPECT_EQ(interpreter.ReadReferenceTotal(), 0);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
  }
  runtime.reset();
  munmap(memory, bytes);
}

TEST_F(ForkTest, AForkThatFailsIsTheParentAlone) {
  ScopedThreadState main(interpreter_);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(BeforeFork(*main));
    AfterForkParent(*main);
    Decref(*main, AsObject(MakeList(*main, 5)));
    EXPECT_EQ(RestingBalance(*main).reference_total, 0);
  }
}

TEST_F(ForkTest, ChildrenForkToo) {
  ScopedThreadState main(interpreter_);
  List* const kept = MakeList(*main, 9);
  ExpectChild(*main, [&] {
    const pid_t pid = Fork(*main);
    if (pid == 0) {
      const bool exact = interpreter_.ReadReferenceTotal() == 10 * RT_REFERENCE_TOTALS;
      _exit(exact && UseRuntimeInChild(*main) ? 0 : 1);
    }
    int status = 1;
    waitpid(pid, &status, 0);
    CHILD_EXPECT(status == 0);
    return UseRuntimeInChild(*main);
  });
  Decref(*main, AsObject(kept));
}

// Threads are made, attached, shared with and deleted all the time while two
// of them fork.
TEST_F(ForkTest, StormOfForksBesideChurn) {
  constexpr int kChurners = 3;
  ThreadState* const main = NewThreadState(interpreter_);
  ASSERT_TRUE(Attach(*main));
  List* const board = MakeList(*main, kChurners);
  Detach(*main);
  std::atomic<bool> done = false;
  std::vector<std::thread> workers;
  for (int w = 0; w < kChurners; ++w) {
    workers.emplace_back([&, w] {
      while (!done.load()) {
        ScopedThreadState thread(interpreter_);
        for (int i = 0; i < 8; ++i) {
          List* const list = MakeList(*thread, 3);
          EXPECT_TRUE(ListSet(*thread, board, (w + i) % kChurners, AsObject(list)));
          Decref(*thread, AsObject(list));
          Object* const found = ListGet(*thread, board, w);
          ASSERT_NE(found, nullptr);
          Decref(*thread, found);
          ASSERT_TRUE(SafePoint(*thread));
        }
      }
    });
  }
  std::vector<std::thread> forkers;
  for (int f = 0; f < 2; ++f) {
    forkers.emplace_back([&] {
      ScopedThreadState thread(interpreter_);
      for (int i = 0; i < kForks; ++i) {
        ExpectChild(*thread, [&] { return UseRuntimeInChild(*thread); });
      }
    });
  }
  for (std::thread& forker : forkers) forker.join();
  done = true;
  for (std::thread& worker : workers) worker.join();
  ASSERT_TRUE(Attach(*main));
  Decref(*main, AsObject(board));
  EXPECT_EQ(RestingBalance(*main).reference_total, 0);
  ClearThreadState(*main, *main);
  DeleteThreadState(*main, *main);
}

}  // namespace
}  // namespace rt
