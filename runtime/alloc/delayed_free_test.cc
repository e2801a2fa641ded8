#include "runtime/alloc/delayed_free.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/alloc/alloc_test_util.h"
#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/fault_point.h"
#include "runtime/base/raw_memory.h"
#include "runtime/qsbr/qsbr.h"
#include "runtime/stats/counter_block.h"

namespace rt {
namespace {

// What the layers above would be: an interpreter with threads that the test
// moves by hand, all on one OS thread.
struct World;

struct Thread {
  World* world = nullptr;
  QsbrSlot* slot = nullptr;
  DelayedFreeQueue queue;
  int requests = 0;
};

struct World {
  World() : qsbr(QsbrMemory{&RawAllocate, &RawFree}), interpreter(MakeHooks(this)) {}

  static DelayedFreeHooks MakeHooks(World* world) {
    DelayedFreeHooks hooks;
    hooks.context = world;
    hooks.qsbr = &world->qsbr;
    hooks.slot = [](void*, void* thread) -> const QsbrSlot* {
      return static_cast<Thread*>(thread)->slot;
    };
    hooks.release_object = [](void* context, void* thread, void* object) {
      auto* const self = static_cast<World*>(context);
      self->released.push_back(object);
      self->released_by.push_back(static_cast<Thread*>(thread));
      if (self->on_release) {
        self->on_release(*static_cast<Thread*>(thread), object);
      }
    };
    hooks.is_alone = [](void* context, void*) { return static_cast<World*>(context)->alone; };
    hooks.with_world_stopped = [](void* context, void*, void (*action)(void*), void* argument) {
      ++static_cast<World*>(context)->stops;
      action(argument);
    };
    hooks.request_processing = [](void*, void* thread) {
      ++static_cast<Thread*>(thread)->requests;
    };
    return hooks;
  }

  std::unique_ptr<Thread> NewThread() {
    auto thread = std::make_unique<Thread>();
    thread->world = this;
    thread->slot = qsbr.Reserve(NextThreadStateId());
    thread->queue.Init(&interpreter, thread.get());
    qsbr.Attach(*thread->slot);
    return thread;
  }
  void EndThread(std::unique_ptr<Thread> thread, Thread* caller = nullptr) {
    thread->queue.Abandon(caller);
    qsbr.Detach(*thread->slot);
    qsbr.Release(thread->slot);
    thread->slot = nullptr;
  }

  QsbrShared qsbr;
  bool alone = false;
  int stops = 0;
  std::vector<void*> released;
  std::vector<Thread*> released_by;
  void (*on_release)(Thread& thread, void* object) = nullptr;
  InterpreterDelayedFree interpreter;
};

// Objects are only numbers here; never dereferenced.
void* Object(uintptr_t number) { return reinterpret_cast<void*>(number * 16); }

class DelayedFreeTest : public testing::Test {
 protected:
  ~DelayedFreeTest() override { SetFaultHook(nullptr); }

  void Quiesce(std::initializer_list<Thread*> threads) {
    for (Thread* thread : threads) world_.qsbr.QuiescentState(*thread->slot);
  }

  World world_;
};

TEST_F(DelayedFreeTest, WaitsForEveryReader) {
  auto writer = world_.NewThread();
  auto reader = world_.NewThread();
  writer->queue.FreeObject(Object(1), 100);
  EXPECT_EQ(writer->queue.pending().item_count, 1);
  EXPECT_EQ(writer->queue.pending().item_bytes, 100);
  EXPECT_EQ(writer->queue.Process(), 0);
  Quiesce({writer.get()});
  EXPECT_EQ(writer->queue.Process(), 0);  // The reader lags.
  Quiesce({reader.get()});
  EXPECT_EQ(writer->queue.Process(), 1);
  EXPECT_EQ(world_.released, std::vector<void*>{Object(1)});
  EXPECT_EQ(writer->queue.pending().item_count, 0);
  EXPECT_EQ(writer->queue.pending().item_bytes, 0);
  world_.EndThread(std::move(writer));
  world_.EndThread(std::move(reader));
}

TEST_F(DelayedFreeTest, DetachedThreadsDoNotHoldAnythingUp) {
  auto writer = world_.NewThread();
  auto reader = world_.NewThread();
  world_.qsbr.Detach(*reader->slot);
  writer->queue.FreeObject(Object(1), 1);
  EXPECT_EQ(writer->queue.Process(), 0);  // Advances.
  Quiesce({writer.get()});
  EXPECT_EQ(writer->queue.Process(), 1);
  world_.EndThread(std::move(writer));
  world_.qsbr.Attach(*reader->slot);
  world_.EndThread(std::move(reader));
}

TEST_F(DelayedFreeTest, HeapBlocksGoBackToTheirHeap) {
  const ThreadId id = NextThreadStateId();
  const ScopedIdentity identity(id);
  ManualPageHold hold;
  hold.Open();
  HeapBundle* const bundle = HeapBundle::Allocate(hold.hold());
  bundle->Bind(id);
  auto thread = world_.NewThread();
  thread->queue.FreeMemory(nullptr, 8);
  for (int i = 0; i < 50; ++i) {
    thread->queue.FreeMemory(HeapAllocate(bundle, HeapKind::kMemory, 400), 400);
  }
  EXPECT_EQ(thread->queue.pending().item_count, 50);
  EXPECT_EQ(bundle->CountBlocks().total().block_count, 50);
  thread->queue.Process();
  Quiesce({thread.get()});
  EXPECT_EQ(thread->queue.Process(), 50);
  EXPECT_EQ(bundle->CountBlocks().total().block_count, 0);
  world_.EndThread(std::move(thread));
  HeapBundle::Destroy(bundle);
}

TEST_F(DelayedFreeTest, AsksForProcessingAtTheItemLimit) {
  auto thread = world_.NewThread();
  for (int i = 0; i < DelayedFreeQueue::kItemLimit; ++i) {
    thread->queue.FreeObject(Object(i + 1), 1);
  }
  EXPECT_EQ(thread->requests, 0);
  const QsbrSequence before = world_.qsbr.write_sequence();
  thread->queue.FreeObject(Object(1000), 1);
  EXPECT_EQ(thread->requests, 1);
  EXPECT_TRUE(thread->queue.should_process());
  EXPECT_EQ(world_.qsbr.write_sequence(), before + kQsbrStep);
  thread->queue.CheckInvariants();
  // One more quiescent state, not two: the goal is the value advanced to.
  Quiesce({thread.get()});
  EXPECT_EQ(thread->queue.Process(), DelayedFreeQueue::kItemLimit + 1);
  EXPECT_FALSE(thread->queue.should_process());
  world_.EndThread(std::move(thread));
}

TEST_F(DelayedFreeTest, AsksForProcessingAtTheByteLimit) {
  auto thread = world_.NewThread();
  thread->queue.FreeObject(Object(1), 12 << 20);
  EXPECT_EQ(thread->requests, 1);
  EXPECT_EQ(thread->queue.pending().item_bytes, 12 << 20);
  Quiesce({thread.get()});
  EXPECT_EQ(thread->queue.Process(), 1);
  world_.EndThread(std::move(thread));
}

// Nothing but the reader's own share may grow, and the counters tell.
TEST_F(DelayedFreeTest, AStalledReaderShowsInTheCounters) {
  CounterBlock counters;
  auto thread = world_.NewThread();
  thread->queue.Init(&world_.interpreter, thread.get(), &counters);
  auto reader = world_.NewThread();
  constexpr int kCount = 1000;
  for (int i = 0; i < kCount; ++i) {
    thread->queue.FreeObject(Object(i + 1), 64);
    Quiesce({thread.get()});
    // At every step: chunks are filled all the same.
    EXPECT_EQ(thread->queue.Process(), 0);
    thread->queue.CheckInvariants();
  }
  EXPECT_EQ(counters.Get(Counter::kDelayedFreesEnqueued), kCount);
  EXPECT_EQ(counters.Get(Counter::kDelayedBytesEnqueued), kCount * 64);
  EXPECT_EQ(counters.Get(Counter::kDelayedFreesDone), 0);
  EXPECT_EQ(thread->queue.pending().item_count, kCount);
  // The reader moves on: all but the last chunk, then the rest.
  for (int i = 0; i < 3; ++i) {
    Quiesce({thread.get(), reader.get()});
    thread->queue.Process();
  }
  EXPECT_EQ(counters.Get(Counter::kDelayedFreesDone), kCount);
  EXPECT_EQ(counters.Get(Counter::kDelayedBytesFreed), kCount * 64);
  EXPECT_EQ(world_.released.size(), static_cast<size_t>(kCount));
  world_.EndThread(std::move(thread));
  world_.EndThread(std::move(reader));
}

// What comes after a chunk was closed for its bytes must not make it wait longer.
TEST_F(DelayedFreeTest, ALargeEntryDoesNotWaitForLaterOnes) {
  auto thread = world_.NewThread();
  auto reader = world_.NewThread();
  thread->queue.FreeObject(Object(1), 2 << 20);
  Quiesce({thread.get(), reader.get()});
  thread->queue.FreeObject(Object(2), 2 << 20);
  EXPECT_EQ(thread->queue.Process(), 1);
  EXPECT_EQ(world_.released, std::vector<void*>{Object(1)});
  Quiesce({thread.get(), reader.get()});
  EXPECT_EQ(thread->queue.Process(), 1);
  world_.EndThread(std::move(thread));
  world_.EndThread(std::move(reader));
}

TEST_F(DelayedFreeTest, BacklogIsBoundedWhileThreadsAreQuiescent) {
  auto thread = world_.NewThread();
  int64_t peak = 0;
  for (int i = 0; i < 20000; ++i) {
    thread->queue.FreeObject(Object(i + 1), 64);
    if (thread->requests > 0) {  // An eval breaker.
      thread->requests = 0;
      Quiesce({thread.get()});
      thread->queue.Process();
    }
    peak = std::max(peak, thread->queue.pending().item_count);
  }
  EXPECT_LE(peak, DelayedFreeQueue::kItemLimit + 1);
  thread->queue.CheckInvariants();
  world_.EndThread(std::move(thread));
  auto last = world_.NewThread();
  Quiesce({last.get()});
  last->queue.Process();
  EXPECT_EQ(world_.interpreter.pending().item_count, 0);
  world_.EndThread(std::move(last));
}

TEST_F(DelayedFreeTest, ImmediateWhenAlone) {
  auto thread = world_.NewThread();
  auto reader = world_.NewThread();
  thread->queue.FreeObject(Object(1), 1);
  world_.alone = true;
  thread->queue.AskAgain();
  thread->queue.FreeObject(Object(2), 1);
  EXPECT_EQ(world_.released, std::vector<void*>{Object(2)});
  thread->queue.ReleaseAllWorldStopped(reader.get());
  EXPECT_EQ(world_.released.size(), 2u);
  EXPECT_EQ(world_.released_by.back(), reader.get());  // As the caller.
  EXPECT_EQ(thread->queue.pending().item_count, 0);
  world_.alone = false;
  world_.EndThread(std::move(thread));
  world_.EndThread(std::move(reader));
}

TEST_F(DelayedFreeTest, StopsTheWorldWhenThereIsNoMemoryForAnEntry) {
  auto thread = world_.NewThread();
  for (const char* point : {"alloc.delayed_chunk", "base.raw_allocate"}) {
    static const char* failing;
    failing = point;
    SetFaultHook([](const char* name) { return std::strcmp(name, failing) == 0; });
    world_.stops = 0;
    world_.released.clear();
    thread->queue.FreeObject(Object(7), 1);
    EXPECT_EQ(world_.stops, 1);
    EXPECT_EQ(world_.released, std::vector<void*>{Object(7)});
    EXPECT_EQ(thread->queue.pending().item_count, 0);
  }
  SetFaultHook(nullptr);
  thread->queue.FreeObject(Object(8), 1);
  EXPECT_EQ(thread->queue.pending().item_count, 1);
  // The chunk is there: memory is needed only when it is full.
  SetFaultHook([](const char*) { return true; });
  thread->queue.FreeObject(Object(9), 1);
  EXPECT_EQ(thread->queue.pending().item_count, 2);
  SetFaultHook(nullptr);
  world_.alone = true;
  thread->queue.ReleaseAllWorldStopped(thread.get());
  world_.alone = false;
  world_.EndThread(std::move(thread));
}

// gh-130519, gh-134679: a destructor may enqueue, process, and end threads.
TEST_F(DelayedFreeTest, CallbacksMayComeBack) {
  auto thread = world_.NewThread();
  world_.on_release = [](Thread& self, void* object) {
    const auto number = reinterpret_cast<uintptr_t>(object) / 16;
    if (number < 2000) self.queue.FreeObject(Object(number + 1000), 1);
    EXPECT_EQ(self.queue.Process(), 0);  // Nested: refused.
    // Slots come and go under it.
    auto other = self.world->NewThread();
    self.world->EndThread(std::move(other));
  };
  for (int i = 1; i <= 600; ++i) thread->queue.FreeObject(Object(i), 1);
  for (int i = 0; i < 8; ++i) {
    Quiesce({thread.get()});
    thread->queue.Process();
    thread->queue.CheckInvariants();
  }
  EXPECT_EQ(thread->queue.pending().item_count, 0);
  // Each of 1..600 became 1001..1600, then 2001..2600: three lives.
  EXPECT_EQ(world_.released.size(), 1800u);
  std::sort(world_.released.begin(), world_.released.end());
  EXPECT_EQ(std::unique(world_.released.begin(), world_.released.end()), world_.released.end());
  world_.on_release = nullptr;
  world_.EndThread(std::move(thread));
}

// M-Q-09: short-lived threads, one entry each.
TEST_F(DelayedFreeTest, ShortLivedThreadsDoNotGrowTheInterpretersQueue) {
  int64_t peak = 0;
  for (int i = 0; i < 500; ++i) {
    auto thread = world_.NewThread();
    thread->queue.FreeObject(Object(i + 1), 100);
    world_.EndThread(std::move(thread));
    peak = std::max(peak, world_.interpreter.pending().item_count);
  }
  EXPECT_LE(peak, 3);
  auto last = world_.NewThread();
  Quiesce({last.get()});
  last->queue.Process();
  EXPECT_EQ(world_.interpreter.pending().item_count, 0);
  EXPECT_EQ(world_.released.size(), 500u);
  world_.EndThread(std::move(last));
}

TEST_F(DelayedFreeTest, AbandonedEntriesStillWaitForTheirReaders) {
  auto reader = world_.NewThread();
  auto writer = world_.NewThread();
  for (int i = 1; i <= 300; ++i) writer->queue.FreeObject(Object(i), 10);
  world_.EndThread(std::move(writer));
  EXPECT_EQ(world_.interpreter.pending().item_count, 300);
  EXPECT_EQ(world_.interpreter.pending().item_bytes, 3000);
  EXPECT_TRUE(world_.released.empty());
  EXPECT_EQ(reader->queue.Process(), 0);
  EXPECT_EQ(world_.interpreter.pending().item_count, 300);
  Quiesce({reader.get()});
  EXPECT_EQ(reader->queue.Process(), 300);
  EXPECT_EQ(world_.interpreter.pending().item_bytes, 0);
  world_.EndThread(std::move(reader));
}

TEST_F(DelayedFreeTest, ForeignAbandonRunsAsTheCaller) {
  auto caller = world_.NewThread();
  auto victim = world_.NewThread();
  victim->queue.FreeObject(Object(5), 10);
  world_.qsbr.Detach(*victim->slot);
  victim->queue.Abandon(caller.get());
  Quiesce({caller.get()});
  victim->queue.HandOver();
  EXPECT_EQ(victim->queue.pending().item_count, 0);
  EXPECT_EQ(caller->queue.Process(), 1);
  EXPECT_EQ(world_.released_by.back(), caller.get());
  world_.qsbr.Attach(*victim->slot);
  world_.EndThread(std::move(victim));
  world_.EndThread(std::move(caller));
}

TEST_F(DelayedFreeTest, FinalizationReleasesWhatIsLeft) {
  auto thread = world_.NewThread();
  for (int i = 1; i <= 700; ++i) thread->queue.FreeObject(Object(i), 1);
  thread->queue.HandOver();
  world_.alone = true;
  world_.on_release = [](Thread& self, void* object) {
    // Destructors of what dies last enqueue, too: released at once.
    if (object == Object(3)) self.queue.FreeObject(Object(9000), 1);
  };
  world_.interpreter.ReleaseAllWorldStopped(thread.get());
  EXPECT_EQ(world_.released.size(), 701u);
  EXPECT_EQ(world_.interpreter.pending().item_count, 0);
  world_.alone = false;
  world_.EndThread(std::move(thread));
}

// While one thread is in a callback, suspended there, another one stops the
// world and releases everything: nothing is lost, nothing released twice.
TEST_F(DelayedFreeTest, StealingFromAThreadInsideACallback) {
  auto thread = world_.NewThread();
  auto collector = world_.NewThread();
  static Thread* thief;
  thief = collector.get();
  world_.on_release = [](Thread& self, void* object) {
    if (object != Object(2)) return;
    self.world->alone = true;
    self.queue.ReleaseAllWorldStopped(thief);
    self.world->alone = false;
  };
  for (int i = 1; i <= 600; ++i) thread->queue.FreeObject(Object(i), 1);
  Quiesce({thread.get(), collector.get()});
  thread->queue.Process();
  EXPECT_EQ(world_.released.size(), 600u);
  EXPECT_EQ(thread->queue.pending().item_count, 0);
  thread->queue.CheckInvariants();
  world_.on_release = nullptr;
  world_.EndThread(std::move(thread));
  world_.EndThread(std::move(collector));
}

// Random steps of several threads against a model: an entry is released exactly
// once, and not before every thread attached at its enqueueing has been
// quiescent or detached since.
TEST_F(DelayedFreeTest, NothingIsReleasedEarlyOrTwice) {
  struct Entry {
    std::vector<Thread*> waits_for;
    bool released = false;
  };
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    World world;
    std::mt19937_64 random(seed);
    std::deque<std::unique_ptr<Thread>> threads;
    std::vector<Entry> entries(1);  // Number 0 is not used.
    size_t checked_count = 0;
    const auto forget = [&](Thread* thread) {
      for (Entry& entry : entries) std::erase(entry.waits_for, thread);
    };
    const auto check_releases = [&] {
      for (; checked_count < world.released.size(); ++checked_count) {
        const size_t number = reinterpret_cast<uintptr_t>(world.released[checked_count]) / 16;
        ASSERT_TRUE(entries[number].waits_for.empty()) << "seed " << seed;
        ASSERT_FALSE(entries[number].released) << "seed " << seed;
        entries[number].released = true;
      }
    };
    for (int i = 0; i < 3; ++i) threads.push_back(world.NewThread());
    for (int step = 0; step < 1500; ++step) {
      Thread* const thread = threads[random() % threads.size()].get();
      const uint64_t choice = random() % 100;
      if (choice < 60) {
        Entry entry;
        for (const auto& each : threads) {
          entry.waits_for.push_back(each.get());
        }
        entries.push_back(entry);
        const size_t bytes = random() % 50 == 0 ? 2 << 20 : 64;
        thread->queue.FreeObject(Object(entries.size() - 1), bytes);
      } else if (choice < 75) {
        forget(thread);
        world.qsbr.QuiescentState(*thread->slot);
      } else if (choice < 93) {
        thread->queue.Process();
      } else if (choice < 96 && threads.size() < 6) {
        threads.push_back(world.NewThread());
      } else if (threads.size() > 1) {
        auto gone = std::move(threads.front());
        threads.pop_front();
        Thread* const address = gone.get();
        gone->queue.Abandon();
        check_releases();
        forget(address);
        world.qsbr.Detach(*gone->slot);
        world.qsbr.Release(gone->slot);
      }
      check_releases();
      for (const auto& each : threads) each->queue.CheckInvariants();
    }
    while (!threads.empty()) {
      for (const auto& each : threads) {
        forget(each.get());
        world.qsbr.QuiescentState(*each->slot);
      }
      threads.front()->queue.Process();
      threads.front()->queue.Process();
      auto gone = std::move(threads.front());
      threads.pop_front();
      forget(gone.get());
      world.EndThread(std::move(gone));
    }
    auto last = world.NewThread();
    for (int i = 0; i < 3; ++i) {
      world.qsbr.QuiescentState(*last->slot);
      last->queue.Process();
    }
    check_releases();
    EXPECT_EQ(world.released.size(), entries.size() - 1);
    EXPECT_EQ(world.interpreter.pending().item_count, 0);
    EXPECT_EQ(world.interpreter.pending().item_bytes, 0);
    world.EndThread(std::move(last));
  }
}

}  // namespace
}  // namespace rt
