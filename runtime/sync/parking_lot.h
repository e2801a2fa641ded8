// The parking lot: queues of sleeping threads, found by an address.
//
// Model.  A lock of one byte has no room for a queue, so its waiters stand in a
// table of buckets shared by the whole process, each bucket a lock and a FIFO of
// waiters. A waiter's record and the word it sleeps on are on its own stack.
// Park() enqueues unless its `validate` callback, called under the bucket lock,
// says that there is no longer anything to wait for. UnparkOne() takes the
// longest waiter off the queue and calls `decide`, also under the bucket lock,
// so that the lock's byte changes in the same step as the queue.
// Invariants.  I1: a waiter taken off the queue by an unparker is sent exactly
// one wake-up, and does not leave Park() before it has received it, even when
// its timeout passed meanwhile: it then returns kUnparked. Otherwise a token
// handed over would be lost, and the unparker would write to a dead stack frame.
// I2: waiters for one address are unparked in the order they parked.
// Thread safety.  Any thread.
// Lock order.  Bucket locks are leaves below every runtime mutex; one is held
// while `validate` or `decide` runs: these must not lock, allocate or park.
// Fork.  BeforeFork() takes all bucket locks in index order; AfterForkChild()
// forgets every waiter.
// Source.  WebKit Source/WTF/wtf/ParkingLot.h; CPython Python/parking_lot.c.
// Differs: the wake-up is a futex word and not a semaphore, so there is nothing
// to destroy while the unparker is still posting.
#ifndef RUNTIME_SYNC_PARKING_LOT_H_
#define RUNTIME_SYNC_PARKING_LOT_H_

#include <cstdint>
#include <memory>
#include <type_traits>

#include "runtime/base/futex.h"

namespace rt {

class ParkingLot {
 public:
  enum class ParkResult : uint8_t {
    kUnparked,  // Woken by UnparkOne() or UnparkAll().
    kTimedOut,  // The timeout passed and nobody had taken us off the queue.
    kInvalid,   // `validate` returned false: did not sleep.
  };

  struct Parked {
    ParkResult result;
    // What `decide` returned for us; 0 unless `result` is kUnparked.
    uintptr_t token;
  };

  // What UnparkOne() found, told to `decide`.
  struct UnparkInfo {
    bool has_waiter;    // One was taken off the queue and is about to wake.
    bool has_more;      // Others wait for the same address.
    int64_t waited_ns;  // How long the one taken off has waited.
  };

  // Sleeps on `address` until unparked, for at most `timeout_ns`
  // (kNoTimeout: without limit). `validate()` returns bool.
  template <typename Validate>
  static Parked Park(const void* address, int64_t timeout_ns, Validate&& validate) {
    using Function = std::remove_reference_t<Validate>;
    return ParkErased(
        address, timeout_ns, [](void* context) { return (*static_cast<Function*>(context))(); },
        const_cast<void*>(static_cast<const void*>(std::addressof(validate))));
  }

  // Wakes the longest waiter on `address`, if any. `decide(const UnparkInfo&)`
  // returns the token the waiter gets; it is called in any case.
  template <typename Decide>
  static void UnparkOne(const void* address, Decide&& decide) {
    using Function = std::remove_reference_t<Decide>;
    UnparkOneErased(
        address,
        [](void* context, const UnparkInfo& info) -> uintptr_t {
          return (*static_cast<Function*>(context))(info);
        },
        const_cast<void*>(static_cast<const void*>(std::addressof(decide))));
  }

  // Wakes every waiter on `address` with token 0. Returns how many.
  static uint32_t UnparkAll(const void* address);

  // The number of threads that wait on `address`, at this moment.
  static uint32_t WaiterCountForTest(const void* address);

  // Around fork(), by the forking thread. Forks of one process that use these
  // must not overlap.
  static void BeforeFork();
  static void AfterForkParent();
  static void AfterForkChild();

 private:
  using ValidateFunction = bool (*)(void* context);
  using DecideFunction = uintptr_t (*)(void* context, const UnparkInfo& info);

  static Parked ParkErased(const void* address, int64_t timeout_ns, ValidateFunction validate,
                           void* context);
  static void UnparkOneErased(const void* address, DecideFunction decide, void* context);
};

}  // namespace rt

#endif  // RUNTIME_SYNC_PARKING_LOT_H_
