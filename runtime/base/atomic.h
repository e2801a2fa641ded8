// Atomic words whose every access names its memory order and may be scheduled.
//
// Model.  rt::Atomic<T> is std::atomic<T> without default orders, without
// operators and without copying. Each operation that is not relaxed passes a
// schedule point first, named by the caller's file and line unless the last
// argument names it: `word.load(std::memory_order_acquire,
// SchedulePointSite::Named("brc.queued"))`.
// Invariants.  I1: always lock-free, so it may live in memory shared with
// another process. I2: the size and alignment of T, so it may overlay a field
// of a fixed layout.
// Thread safety.  Any thread.
//
// LoadRelaxed() and StoreRelaxed() access memory whose type is not Atomic: the
// link word of a free block, for instance.
#ifndef RUNTIME_BASE_ATOMIC_H_
#define RUNTIME_BASE_ATOMIC_H_

#include <atomic>
#include <cstddef>
#include <type_traits>

#include "runtime/base/schedule_point.h"

namespace rt {

template <typename T>
class Atomic {
 public:
  using Site = SchedulePointSite;
  using Order = std::memory_order;

  constexpr Atomic() noexcept : value_(T{}) {}
  constexpr explicit Atomic(T value) noexcept : value_(value) {}
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  T load(Order order, Site site = Site::Here()) const {
    Point(SchedulePointKind::kLoad, order, site);
    return value_.load(order);
  }

  void store(T value, Order order, Site site = Site::Here()) {
    Point(SchedulePointKind::kStore, order, site);
    value_.store(value, order);
  }

  T exchange(T value, Order order, Site site = Site::Here()) {
    Point(SchedulePointKind::kReadModifyWrite, order, site);
    return value_.exchange(value, order);
  }

  // On failure stores the value found in `expected` and returns false.
  [[nodiscard]] bool compare_exchange_strong(T& expected, T desired, Order success, Order failure,
                                             Site site = Site::Here()) {
    Point(SchedulePointKind::kReadModifyWrite, success, site);
    return value_.compare_exchange_strong(expected, desired, success, failure);
  }

  // As above; may also fail although the value is `expected`: for loops.
  [[nodiscard]] bool compare_exchange_weak(T& expected, T desired, Order success, Order failure,
                                           Site site = Site::Here()) {
    Point(SchedulePointKind::kReadModifyWrite, success, site);
    return value_.compare_exchange_weak(expected, desired, success, failure);
  }

  // The read-modify-write operations return the value before the change.
  T fetch_add(T operand, Order order, Site site = Site::Here())
    requires std::is_integral_v<T>
  {
    Point(SchedulePointKind::kReadModifyWrite, order, site);
    return value_.fetch_add(operand, order);
  }

  T fetch_sub(T operand, Order order, Site site = Site::Here())
    requires std::is_integral_v<T>
  {
    Point(SchedulePointKind::kReadModifyWrite, order, site);
    return value_.fetch_sub(operand, order);
  }

  T fetch_or(T operand, Order order, Site site = Site::Here())
    requires std::is_integral_v<T>
  {
    Point(SchedulePointKind::kReadModifyWrite, order, site);
    return value_.fetch_or(operand, order);
  }

  T fetch_and(T operand, Order order, Site site = Site::Here())
    requires std::is_integral_v<T>
  {
    Point(SchedulePointKind::kReadModifyWrite, order, site);
    return value_.fetch_and(operand, order);
  }

  T fetch_xor(T operand, Order order, Site site = Site::Here())
    requires std::is_integral_v<T>
  {
    Point(SchedulePointKind::kReadModifyWrite, order, site);
    return value_.fetch_xor(operand, order);
  }

 private:
  static_assert(std::atomic<T>::is_always_lock_free, "I1");
  static_assert(sizeof(std::atomic<T>) == sizeof(T), "I2");

  void Point(SchedulePointKind kind, Order order, Site site) const {
    if (order != std::memory_order_relaxed) SchedulePoint(kind, this, site);
  }

  std::atomic<T> value_;
};

// Reads a word that some thread may be writing with StoreRelaxed(). Orders
// nothing. `address` is aligned for T.
template <typename T>
inline T LoadRelaxed(const T* address) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(void*));
  return __atomic_load_n(address, __ATOMIC_RELAXED);
}

// Writes a word that some thread may be reading with LoadRelaxed(). Orders
// nothing. `address` is aligned for T.
template <typename T>
inline void StoreRelaxed(T* address, std::type_identity_t<T> value) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(void*));
  __atomic_store_n(address, value, __ATOMIC_RELAXED);
}

}  // namespace rt

#endif  // RUNTIME_BASE_ATOMIC_H_
