#include "runtime/sync/mutex.h"

#include <atomic>

#include "runtime/base/check.h"
#include "runtime/base/slow_path_point.h"
#include "runtime/sync/parking_lot.h"

namespace rt {
namespace {

// What the unlocker tells the waiter it wakes.
constexpr uintptr_t kCompete = 0;     // The mutex was freed: try again.
constexpr uintptr_t kHandedOver = 1;  // The mutex is yours, still LOCKED.

}  // namespace

bool Mutex::TryLock() {
  // relaxed: the compare-exchange below decides.
  uint8_t bits = bits_.load(std::memory_order_relaxed);
  while ((bits & kLocked) == 0) {
    // (M3) acquire on success, synchronizes with the release in Unlock() (M2)
    //      and UnlockSlow() (M5): we see what the last owner wrote.
    if (bits_.compare_exchange_weak(bits, static_cast<uint8_t>(bits | kLocked),
                                    std::memory_order_acquire, std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

bool Mutex::LockSlow(int64_t timeout_ns) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  int64_t deadline_ns = -1;
  if (timeout_ns >= 0 && __builtin_add_overflow(MonotonicNanoseconds(), timeout_ns, &deadline_ns)) {
    deadline_ns = -1;
  }
  for (int turn = 0;;) {
    if (TryLock()) return true;
    // relaxed: rechecked under the bucket lock before we sleep.
    uint8_t bits = bits_.load(std::memory_order_relaxed);
    if ((bits & kLocked) == 0) continue;
    if ((bits & kHasParked) == 0) {
      // While others are parked a newcomer does not spin past them.
      if (turn < kSpinTurns && !TakesSlowPath("sync.park")) {
        SpinBriefly(turn++);
        continue;
      }
      // relaxed: orders nothing; UnlockSlow() reads it under the bucket lock
      // that we are going to take.
      if (!bits_.compare_exchange_weak(bits, static_cast<uint8_t>(bits | kHasParked),
                                       std::memory_order_relaxed, std::memory_order_relaxed)) {
        continue;
      }
    }
    int64_t left_ns = kNoTimeout;
    if (deadline_ns >= 0) {
      left_ns = deadline_ns - MonotonicNanoseconds();
      if (left_ns <= 0) return false;
    }
    const ParkingLot::Parked parked = ParkingLot::Park(this, left_ns, [this] {
      // relaxed: UnlockSlow() changes these bits under the bucket lock only.
      return bits_.load(std::memory_order_relaxed) == (kLocked | kHasParked);
    });
    if (parked.result == ParkingLot::ParkResult::kUnparked && parked.token == kHandedOver) {
      // The wake-up ordered the last owner's writes before us.
      RT_DCHECK(IsLocked(), "MUTEX-I2", "a mutex was handed over unlocked");
      return true;
    }
    if (parked.result == ParkingLot::ParkResult::kTimedOut) return false;
  }
}

void Mutex::UnlockSlow() {
  // relaxed: we own the mutex, and LOCKED changes by us only.
  RT_CHECK((bits_.load(std::memory_order_relaxed) & kLocked) != 0, "MUTEX-I2",
           "unlocking a mutex that is not locked");
  ParkingLot::UnparkOne(this, [this](const ParkingLot::UnparkInfo& info) -> uintptr_t {
    const bool hand_over =
        info.has_waiter && (info.waited_ns >= kFairnessNs || TakesSlowPath("sync.hand_over"));
    const uint8_t bits =
        static_cast<uint8_t>((hand_over ? kLocked : kUnlocked) | (info.has_more ? kHasParked : 0));
    // (M5) release store, synchronizes with (M1) and (M3): the next owner sees
    //      what we wrote. I1: nobody parks meanwhile, we hold the bucket lock.
    bits_.store(bits, std::memory_order_release);
    return hand_over ? kHandedOver : kCompete;
  });
}

void Mutex::AssertHeld() const {
  RT_CHECK(IsLocked(), "MUTEX-I2", "a mutex that must be held is not locked");
}

}  // namespace rt
