// Progress: a run's signs of life, read by whoever watches the host.
//
// Model.  Two monotone counters. `operations` counts the scenario's own units of
//   work; `heartbeat` changes whenever any thread of the run moved on. The time
//   of the first operation tells how long the start of the run took. A host
//   places the cells in its black box, where the daemon reads them while the
//   run is live and after the process is gone; without one they are private.
//   No heartbeat for the watcher's deadline means HUNG, so a scenario counts
//   inside every loop that can take long, and never from a thread whose only
//   work is to count.
// Thread safety.  All functions from any thread.
// Fork.  A forked child must not count into its parent's cells.

#ifndef STRESSD_HOST_SCENARIO_PROGRESS_H_
#define STRESSD_HOST_SCENARIO_PROGRESS_H_

#include <atomic>
#include <cstdint>

#include "runtime/base/clock.h"

namespace stressd::host {

class Progress {
 public:
  // Counts into cells of its own.
  Progress()
      : operations_(&own_operations_),
        heartbeat_(&own_heartbeat_),
        first_operation_time_ns_(&own_first_operation_time_ns_) {}

  // Counts into the caller's cells, which must outlive this object.
  Progress(std::atomic<uint64_t>* operations, std::atomic<uint64_t>* heartbeat,
           std::atomic<int64_t>* first_operation_time_ns)
      : operations_(operations),
        heartbeat_(heartbeat),
        first_operation_time_ns_(first_operation_time_ns) {}

  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Counts `operation_count` finished units of work and one heartbeat.
  void Count(uint64_t operation_count) {
    // relaxed: statistics, they order nothing.
    operations_->fetch_add(operation_count, std::memory_order_relaxed);
    heartbeat_->fetch_add(1, std::memory_order_relaxed);
    // relaxed: one word; of two threads the compare-and-swap keeps the first.
    if (first_operation_time_ns_->load(std::memory_order_relaxed) == 0) {
      int64_t none = 0;
      first_operation_time_ns_->compare_exchange_strong(none, rt::MonotonicNanoseconds(),
                                                        std::memory_order_relaxed);
    }
  }

  // Shows that the caller moved on without finishing a unit of work.
  void Heartbeat() {
    // relaxed: a statistic, orders nothing.
    heartbeat_->fetch_add(1, std::memory_order_relaxed);
  }

  // relaxed: statistics, they order nothing.
  uint64_t operations() const { return operations_->load(std::memory_order_relaxed); }
  uint64_t heartbeat() const { return heartbeat_->load(std::memory_order_relaxed); }
  // On the machine's monotonic clock; 0: no operation yet.
  int64_t first_operation_time_ns() const {
    return first_operation_time_ns_->load(std::memory_order_relaxed);
  }

 private:
  std::atomic<uint64_t> own_operations_{0};
  std::atomic<uint64_t> own_heartbeat_{0};
  std::atomic<int64_t> own_first_operation_time_ns_{0};
  std::atomic<uint64_t>* const operations_;
  std::atomic<uint64_t>* const heartbeat_;
  std::atomic<int64_t>* const first_operation_time_ns_;
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIO_PROGRESS_H_
