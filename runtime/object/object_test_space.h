// An interpreter's object layer for tests, without state/: a space, threads that
// attach to it, safe points and a small stop-the-world.
//
// Model.  ObjectTestSpace owns the ObjectSpace and folds the counters of threads
// that left. A TestThread is a thread state that is attached for its whole
// scope; its destructor clears it in the order of INV-CLR-1. TestBarrier waits
// detached, so that a stop never waits for a thread that waits for another one.
// Thread safety.  As the runtime: a TestThread belongs to the OS thread that
// made it.

#ifndef RUNTIME_OBJECT_OBJECT_TEST_SPACE_H_
#define RUNTIME_OBJECT_OBJECT_TEST_SPACE_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/alloc/heap_bundle.h"
#include "runtime/alloc/qsbr_page_hold.h"
#include "runtime/object/object.h"
#include "runtime/object/object_space.h"
#include "runtime/object/object_thread.h"
#include "runtime/stats/counter_block.h"

namespace rt {

class ObjectTestSpace;

class TestThread : public ObjectThread {
 public:
  explicit TestThread(ObjectTestSpace& test);
  ~TestThread();
  TestThread(const TestThread&) = delete;
  TestThread& operator=(const TestThread&) = delete;

  // Everything of the destructor but leaving the fixture's list, on behalf of a
  // thread that will not run again. `caller` runs the destructors.
  void Clear(ObjectThread& caller);

  // Answers a stop, merges, frees what is due and passes a quiescent state.
  void SafePoint();

  // Makes this the current one of several attached on this OS thread.
  void MakeCurrent();

  // For calls that wait for other threads.
  void Detach();
  void Attach();

 private:
  friend class ObjectTestSpace;

  ObjectTestSpace& test_;
  CounterBlock block_;
  bool cleared_ = false;
  bool attached_ = false;
};

class ObjectTestSpace {
 public:
  ObjectTestSpace();
  // Every thread has left. Dies unless the totals and the heaps are at zero.
  ~ObjectTestSpace();
  ObjectTestSpace(const ObjectTestSpace&) = delete;
  ObjectTestSpace& operator=(const ObjectTestSpace&) = delete;

  ObjectSpace& space() { return *space_; }

  // The reference total over all types and threads. Exact when the others rest.
  int64_t ReferenceTotal();
  int64_t ReferenceTotal(size_t stat_index);
  int64_t Get(Counter counter);
  // Live blocks in all heaps of all threads and of the pool, without those on
  // freelists. Nobody else runs.
  int64_t LiveBlockCount();

  // Runs `body(thread, index)` on `count` OS threads, each with a TestThread of
  // its own, and joins them.
  void RunThreads(int count, const std::function<void(TestThread&, int)>& body);

  int stop_count() const { return stop_count_; }

  // For who walks the threads in a stop: nobody comes or goes meanwhile.
  void LockThreads() { mutex_.lock(); }
  void UnlockThreads() { mutex_.unlock(); }
  // The thread after `thread`, or the first for null; null at the end. Locked.
  ObjectThread* NextThread(const ObjectThread* thread) const;

 private:
  friend class TestThread;

  void Enter(TestThread& thread);
  void Leave(TestThread& thread);
  bool IsOnlyThread();
  void WaitWhileStopped(std::unique_lock<std::mutex>& lock, const ObjectThread* self);
  void Stop(ObjectThread& thread);
  void Start();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<TestThread*> threads_;       // Guarded by mutex_.
  int attached_count_ = 0;                 // Guarded by mutex_.
  int parked_count_ = 0;                   // Guarded by mutex_.
  const ObjectThread* stopper_ = nullptr;  // Guarded by mutex_.
  int stop_count_ = 0;                     // Written in a stop.
  CounterBlock folded_;                    // Guarded by mutex_.
  ObjectSpace* space_;
  QsbrPageHold page_hold_;
};

// Gives an immortal object one counted reference, held by `thread`, and nothing
// else: so that a test can drop it and the books balance. Nobody else runs.
void MakeMortalForTest(ObjectThread& thread, Object* object);

// All `count` threads meet, detached.
class TestBarrier {
 public:
  explicit TestBarrier(int count) : count_(count) {}
  void Wait(TestThread& thread);

 private:
  const int count_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrived_ = 0;          // Guarded by mutex_.
  uint64_t generation_ = 0;  // Guarded by mutex_.
};

// While it exists, the allocation number `index` (from 0) of those that ask a
// fault point on this OS thread fails; -1: none does, they are only counted.
class ScopedAllocationFault {
 public:
  explicit ScopedAllocationFault(int64_t index, bool and_all_later = false);
  ~ScopedAllocationFault();
  ScopedAllocationFault(const ScopedAllocationFault&) = delete;
  ScopedAllocationFault& operator=(const ScopedAllocationFault&) = delete;

  // How many allocations asked so far.
  int64_t asked_count() const;
  bool failed() const;
};

}  // namespace rt

#endif  // RUNTIME_OBJECT_OBJECT_TEST_SPACE_H_
