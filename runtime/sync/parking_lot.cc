#include "runtime/sync/parking_lot.h"

#include <atomic>
#include <cstddef>

#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/sync/futex_lock.h"

namespace rt {
namespace {

// A thread in Park(). Lives on its stack; guarded by the bucket lock but for
// `wake`.
struct Waiter {
  Waiter(const void* wanted, int64_t now_ns) : address(wanted), parked_at_ns(now_ns) {}

  const void* const address;
  const int64_t parked_at_ns;
  Waiter* next = nullptr;
  Waiter* previous = nullptr;
  uintptr_t token = 0;
  bool is_queued = true;
  Atomic<uint32_t> wake;  // 0, then 1 once the wake-up is sent.
};

// 257: prime, so that addresses with a common stride spread over the buckets.
constexpr std::size_t kBucketCount = 257;

// The locks lie side by side, in one page, and not with what they guard: a child
// of a fork writes every lock, and pays a copied page for each page of them. That
// neighbours share cache lines does not show beside a sleep.
struct alignas(2048) BucketLocks {
  FutexLock of_bucket[kBucketCount];
};
static_assert(sizeof(BucketLocks) == alignof(BucketLocks), "never over the end of a page");
constinit BucketLocks locks;

struct Bucket {
  FutexLock& lock();

  Waiter* first ABSL_GUARDED_BY(lock()) = nullptr;
  Waiter* last ABSL_GUARDED_BY(lock()) = nullptr;
};
constinit Bucket buckets[kBucketCount];

// Whether a bucket had a queue when the process forked.
constinit bool had_waiters_at_fork = false;

FutexLock& Bucket::lock() { return locks.of_bucket[this - buckets]; }

Bucket& BucketOf(const void* address) {
  return buckets[reinterpret_cast<uintptr_t>(address) % kBucketCount];
}

void Append(Bucket& bucket, Waiter* waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(bucket.lock()) {
  waiter->previous = bucket.last;
  if (bucket.last != nullptr) {
    bucket.last->next = waiter;
  } else {
    bucket.first = waiter;
  }
  bucket.last = waiter;
}

void Remove(Bucket& bucket, Waiter* waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(bucket.lock()) {
  RT_CHECK(waiter->is_queued, "PARK-I1", "waiter %p is taken off twice",
           static_cast<void*>(waiter));
  if (waiter->previous != nullptr) {
    waiter->previous->next = waiter->next;
  } else {
    bucket.first = waiter->next;
  }
  if (waiter->next != nullptr) {
    waiter->next->previous = waiter->previous;
  } else {
    bucket.last = waiter->previous;
  }
  waiter->is_queued = false;
}

Waiter* FirstFrom(Waiter* waiter, const void* address) {
  while (waiter != nullptr && waiter->address != address) waiter = waiter->next;
  return waiter;
}

// Sends a waiter that was taken off the queue its wake-up. It may be gone when
// this returns.
void SendWakeUp(Waiter* waiter) {
  const Atomic<uint32_t>* const word = &waiter->wake;
  // (P1) release store, synchronizes with the acquire loads (P2) in
  //      ReceiveWakeUp(): the waiter sees its token and what we did before.
  waiter->wake.store(1, std::memory_order_release);
  FutexWake(word, 1);
}

// Sleeps until the wake-up is sent or `deadline_ns` passes (negative: never).
// Returns whether it was sent.
bool ReceiveWakeUp(Waiter& waiter, int64_t deadline_ns) {
  for (;;) {
    // (P2) acquire load, synchronizes with the release store (P1) in
    //      SendWakeUp(): we see our token and what the unparker did before.
    if (waiter.wake.load(std::memory_order_acquire) != 0) return true;
    int64_t timeout_ns = kNoTimeout;
    if (deadline_ns >= 0) {
      timeout_ns = deadline_ns - MonotonicNanoseconds();
      if (timeout_ns <= 0) return false;
    }
    (void)FutexWait(waiter.wake, 0, timeout_ns);
  }
}

}  // namespace

ParkingLot::Parked ParkingLot::ParkErased(const void* address, int64_t timeout_ns,
                                          ValidateFunction validate, void* context) {
  Bucket& bucket = BucketOf(address);
  Waiter self(address, MonotonicNanoseconds());
  {
    FutexLockHolder hold(bucket.lock());
    if (!validate(context)) return {ParkResult::kInvalid, 0};
    Append(bucket, &self);
  }
  int64_t deadline_ns = -1;
  if (timeout_ns >= 0 && __builtin_add_overflow(self.parked_at_ns, timeout_ns, &deadline_ns)) {
    deadline_ns = -1;
  }
  if (ReceiveWakeUp(self, deadline_ns)) return {ParkResult::kUnparked, self.token};
  {
    FutexLockHolder hold(bucket.lock());
    if (self.is_queued) {
      Remove(bucket, &self);
      return {ParkResult::kTimedOut, 0};
    }
  }
  // I1: an unparker has taken us off and is about to send our wake-up.
  (void)ReceiveWakeUp(self, -1);
  return {ParkResult::kUnparked, self.token};
}

void ParkingLot::UnparkOneErased(const void* address, DecideFunction decide, void* context) {
  Bucket& bucket = BucketOf(address);
  Waiter* waiter;
  {
    FutexLockHolder hold(bucket.lock());
    waiter = FirstFrom(bucket.first, address);
    UnparkInfo info = {false, false, 0};
    if (waiter != nullptr) {
      info.has_waiter = true;
      info.has_more = FirstFrom(waiter->next, address) != nullptr;
      info.waited_ns = MonotonicNanoseconds() - waiter->parked_at_ns;
      Remove(bucket, waiter);
    }
    const uintptr_t token = decide(context, info);
    if (waiter != nullptr) waiter->token = token;
  }
  if (waiter != nullptr) SendWakeUp(waiter);
}

uint32_t ParkingLot::UnparkAll(const void* address) {
  Bucket& bucket = BucketOf(address);
  Waiter* taken = nullptr;
  Waiter** end = &taken;
  uint32_t count = 0;
  {
    FutexLockHolder hold(bucket.lock());
    Waiter* waiter = FirstFrom(bucket.first, address);
    while (waiter != nullptr) {
      Waiter* const following = FirstFrom(waiter->next, address);
      Remove(bucket, waiter);
      waiter->next = nullptr;
      *end = waiter;
      end = &waiter->next;
      ++count;
      waiter = following;
    }
  }
  while (taken != nullptr) {
    Waiter* const waiter = taken;
    taken = waiter->next;  // Before the wake-up: then its stack may be gone.
    SendWakeUp(waiter);
  }
  return count;
}

uint32_t ParkingLot::WaiterCountForTest(const void* address) {
  Bucket& bucket = BucketOf(address);
  FutexLockHolder hold(bucket.lock());
  uint32_t count = 0;
  for (Waiter* waiter = FirstFrom(bucket.first, address); waiter != nullptr;
       waiter = FirstFrom(waiter->next, address)) {
    ++count;
  }
  return count;
}

void ParkingLot::BeforeFork() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  for (FutexLock& lock : locks.of_bucket) lock.Lock();
  had_waiters_at_fork = false;
  for (const Bucket& bucket : buckets) had_waiters_at_fork |= bucket.first != nullptr;
}

void ParkingLot::AfterForkParent() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  for (FutexLock& lock : locks.of_bucket) lock.Unlock();
}

void ParkingLot::AfterForkChild() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  if (had_waiters_at_fork) {
    for (Bucket& bucket : buckets) bucket.first = bucket.last = nullptr;
  }
  for (FutexLock& lock : locks.of_bucket) lock.AfterForkChild();
}

}  // namespace rt
