#include "runtime/object/object_test_space.h"

#include <algorithm>
#include <new>

#include "runtime/base/check.h"
#include "runtime/base/fault_point.h"
#include "runtime/base/raw_memory.h"
#include "runtime/base/thread_id.h"
#include "runtime/object/destroy.h"
#include "runtime/object/invariants.h"
#include "runtime/object/merge_queue.h"
#include "runtime/object/per_thread_count.h"
#include "runtime/object/reference_count.h"

namespace rt {
namespace {

// The test threads' own "current" pointer, for the page hold.
thread_local TestThread* current = nullptr;

thread_local int64_t fault_index = -1;
thread_local bool fault_all_later = false;
thread_local int64_t asked = 0;
thread_local bool faulted = false;

bool FaultHookForTest(const char*) {
  const int64_t index = asked++;
  const bool fails =
      fault_index >= 0 && (index == fault_index || (fault_all_later && index > fault_index));
  faulted = faulted || fails;
  return fails;
}

const QsbrSlot* CurrentSlot(void*) { return current == nullptr ? nullptr : current->qsbr_slot; }

TestThread& AsTestThread(void* thread) {
  return *static_cast<TestThread*>(static_cast<ObjectThread*>(thread));
}

}  // namespace

TestThread::TestThread(ObjectTestSpace& test) : test_(test) {
  id = NextThreadStateId();
  counters = &block_;
  space = &test.space();
  qsbr_slot = space->qsbr.Reserve(id);
  RT_CHECK(qsbr_slot != nullptr, "TEST", "no memory for a slot");
  test_.Enter(*this);
  Attach();
  heaps = space->bundle_pool.Adopt(id, test_.page_hold_.hold());
  RT_CHECK(heaps != nullptr, "TEST", "no memory for heaps");
  delayed_free.Init(&space->delayed_free, static_cast<ObjectThread*>(this));
  MergeQueueEnter(*this);
}

TestThread::~TestThread() {
  // The last one does what a collection would: types that several threads have
  // used die in a merge only.
  if (!cleared_ && test_.IsOnlyThread()) {
    MergeQueueDrain(*this);
    MergePerThreadCountsWorldStopped(*this);
    DrainTrashcan(*this);
  }
  if (!cleared_) Clear(*this);
  if (attached_) Detach();
  test_.Leave(*this);
  space->qsbr.Release(qsbr_slot);
}

void TestThread::Clear(ObjectThread& caller) {
  RT_CHECK(!cleared_, "TEST", "cleared twice");
  DisableObjectFreelists(*this);
  FinishPerThreadCounts(caller, *this);
  MergeQueueLeave(caller, *this);
  delayed_free.Abandon(static_cast<ObjectThread*>(&caller));
  FlushTrackedCount(*this);
  RT_CHECK(trashcan == nullptr && destroy_depth == 0, "TC-2", "cleared with a trashcan");
  heaps->Unbind();
  space->bundle_pool.Park(heaps);
  heaps = nullptr;
  cleared_ = true;
}

void TestThread::SafePoint() {
  // relaxed: a hint; what it is about is under locks.
  if ((eval_breaker.load(std::memory_order_relaxed) & kEvalBreakerStop) != 0) {
    eval_breaker.fetch_and(~kEvalBreakerStop, std::memory_order_relaxed);
    std::unique_lock<std::mutex> lock(test_.mutex_);
    test_.WaitWhileStopped(lock, this);
  }
  if ((eval_breaker.load(std::memory_order_relaxed) & kEvalBreakerMerge) != 0) {
    MergeQueueDrain(*this);
  }
  space->qsbr.QuiescentState(*qsbr_slot);
  if (delayed_free.should_process()) (void)delayed_free.Process();
}

void TestThread::MakeCurrent() {
  SetCurrentThreadId(id);
  current = this;
}

void TestThread::Attach() {
  {
    std::unique_lock<std::mutex> lock(test_.mutex_);
    test_.changed_.wait(lock, [&] { return test_.stopper_ == nullptr; });
    ++test_.attached_count_;
  }
  MakeCurrent();
  space->qsbr.Attach(*qsbr_slot);
  attached_ = true;
}

void TestThread::Detach() {
  attached_ = false;
  space->qsbr.Detach(*qsbr_slot);
  current = nullptr;
  SetCurrentThreadId(kNobodyId);
  std::unique_lock<std::mutex> lock(test_.mutex_);
  --test_.attached_count_;
  test_.changed_.notify_all();
}

ObjectTestSpace::ObjectTestSpace()
    : space_([this] {
        ObjectSpaceHooks hooks;
        hooks.context = this;
        hooks.stop_the_world = [](ObjectThread& thread) {
          AsTestThread(&thread).test_.Stop(thread);
        };
        hooks.start_the_world = [](ObjectThread& thread) { AsTestThread(&thread).test_.Start(); };
        hooks.reference_total = [](void* context, size_t stat_index) {
          return static_cast<ObjectTestSpace*>(context)->ReferenceTotal(stat_index);
        };
        DelayedFreeHooks delayed;
        delayed.context = this;
        delayed.is_alone = [](void*, void* thread) {
          ObjectTestSpace& test = AsTestThread(thread).test_;
          std::unique_lock<std::mutex> lock(test.mutex_);
          return test.stopper_ == static_cast<ObjectThread*>(thread);
        };
        delayed.with_world_stopped = [](void*, void* thread, void (*action)(void*),
                                        void* argument) {
          TestThread& self = AsTestThread(thread);
          self.test_.Stop(self);
          action(argument);
          self.test_.Start();
        };
        delayed.request_processing = [](void*, void*) {};
        return new ObjectSpace(hooks, QsbrMemory{&RawAllocate, &RawFree}, delayed);
      }()),
      page_hold_(&space_->qsbr, &CurrentSlot, nullptr) {}

ObjectTestSpace::~ObjectTestSpace() {
  RT_CHECK(threads_.empty(), "TEST", "a thread is still there");
  space_->delayed_free.ReleaseAllWorldStopped(nullptr);
  RT_CHECK(CheckMergeQueueInvariantsWorldStopped(*space_) == 0, "INV-B-7",
           "something is still queued");
  CheckTypeInvariantsWorldStopped(*space_);
  for (size_t i = 0; i < kReferenceTypeCount; ++i) {
    RT_CHECK(ReferenceTotal(i) == 0, "INV-RT-1", "%lld references of stat index %zu are left",
             static_cast<long long>(ReferenceTotal(i)), i);
  }
  RT_CHECK(LiveBlockCount() == 0, "TEST", "%lld blocks are left",
           static_cast<long long>(LiveBlockCount()));
  space_->bundle_pool.DestroyAll();
  delete space_;
}

void ObjectTestSpace::Enter(TestThread& thread) {
  std::unique_lock<std::mutex> lock(mutex_);
  threads_.push_back(&thread);
}

void ObjectTestSpace::Leave(TestThread& thread) {
  std::unique_lock<std::mutex> lock(mutex_);
  folded_.AddAll(thread.block_);
  std::erase(threads_, &thread);
}

ObjectThread* ObjectTestSpace::NextThread(const ObjectThread* thread) const {
  auto each = threads_.begin();
  if (thread != nullptr) each = std::find(each, threads_.end(), thread) + 1;
  return each == threads_.end() ? nullptr : *each;
}

bool ObjectTestSpace::IsOnlyThread() {
  std::unique_lock<std::mutex> lock(mutex_);
  return threads_.size() == 1;
}

int64_t ObjectTestSpace::ReferenceTotal(size_t stat_index) {
  std::unique_lock<std::mutex> lock(mutex_);
  int64_t total = folded_.GetReferences(stat_index);
  for (const TestThread* thread : threads_) {
    total += thread->block_.GetReferences(stat_index);
  }
  return total;
}

int64_t ObjectTestSpace::ReferenceTotal() {
  int64_t total = 0;
  for (size_t i = 0; i < kReferenceTypeCount; ++i) total += ReferenceTotal(i);
  return total;
}

int64_t ObjectTestSpace::Get(Counter counter) {
  std::unique_lock<std::mutex> lock(mutex_);
  int64_t total = folded_.Get(counter);
  for (const TestThread* thread : threads_) total += thread->block_.Get(counter);
  return total;
}

int64_t ObjectTestSpace::LiveBlockCount() {
  std::unique_lock<std::mutex> lock(mutex_);
  int64_t count = space_->bundle_pool.CountBlocksWorldStopped().total().block_count;
  for (TestThread* thread : threads_) {
    if (thread->heaps != nullptr) {
      count += thread->heaps->CountBlocks().total().block_count;
    }
    count -= FreelistObjectCount(*thread);
  }
  return count;
}

void ObjectTestSpace::RunThreads(int count, const std::function<void(TestThread&, int)>& body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([this, &body, i] {
      TestThread thread(*this);
      body(thread, i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

void ObjectTestSpace::WaitWhileStopped(std::unique_lock<std::mutex>& lock,
                                       const ObjectThread* self) {
  while (stopper_ != nullptr && stopper_ != self) {
    ++parked_count_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return stopper_ == nullptr; });
    --parked_count_;
  }
}

void ObjectTestSpace::Stop(ObjectThread& thread) {
  std::unique_lock<std::mutex> lock(mutex_);
  WaitWhileStopped(lock, &thread);
  stopper_ = &thread;
  for (TestThread* other : threads_) {
    // relaxed: the mutex orders what it is about.
    if (other != &thread) {
      other->eval_breaker.fetch_or(kEvalBreakerStop, std::memory_order_relaxed);
    }
  }
  changed_.wait(lock, [&] { return parked_count_ == attached_count_ - 1; });
  ++stop_count_;
}

void ObjectTestSpace::Start() {
  std::unique_lock<std::mutex> lock(mutex_);
  stopper_ = nullptr;
  changed_.notify_all();
}

void MakeMortalForTest(ObjectThread& thread, Object* object) {
  RT_CHECK(IsImmortal(object), "TEST", "it is mortal already");
  // relaxed, all: nobody else runs.
  object->local.store(0, std::memory_order_relaxed);
  object->shared.store(kSharedOne | kSharedMerged, std::memory_order_relaxed);
  internal::Account(thread, object, 1);
}

void TestBarrier::Wait(TestThread& thread) {
  thread.Detach();
  {
    std::unique_lock<std::mutex> lock(mutex_);
    const uint64_t generation = generation_;
    if (++arrived_ == count_) {
      arrived_ = 0;
      ++generation_;
      changed_.notify_all();
    } else {
      changed_.wait(lock, [&] { return generation_ != generation; });
    }
  }
  thread.Attach();
}

ScopedAllocationFault::ScopedAllocationFault(int64_t index, bool and_all_later) {
  fault_index = index;
  fault_all_later = and_all_later;
  asked = 0;
  faulted = false;
  (void)SetFaultHook(&FaultHookForTest);
}

ScopedAllocationFault::~ScopedAllocationFault() {
  fault_index = -1;
  (void)SetFaultHook(nullptr);
}

int64_t ScopedAllocationFault::asked_count() const { return asked; }

bool ScopedAllocationFault::failed() const { return faulted; }

}  // namespace rt
