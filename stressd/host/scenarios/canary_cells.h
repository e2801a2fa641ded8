// CanaryCells: shared cells of blocks that are read without a lock.
//
// Model.  A cell holds a block whose words carry check digits. Who replaces one
//   gives the old block to delayed free; who reads one looks at every word. A read
//   that stalls looks again and again without a safe point, and holds a QSBR goal
//   back meanwhile.
// Invariants.  A reader finds whole blocks until its next safe point, and no goal
//   that it holds back is reached before.
// Thread safety.  Read(), Replace(), Verify(), Stall(), CheckGoalIsReached(): any
//   attached thread. DropAll(), Judge(): one thread, while no other works.
// Fork.  Consistent at safe points.

#ifndef STRESSD_HOST_SCENARIOS_CANARY_CELLS_H_
#define STRESSD_HOST_SCENARIOS_CANARY_CELLS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "runtime/base/atomic.h"
#include "runtime/runtime.h"
#include "stressd/host/scenario/clock.h"
#include "stressd/host/scenario/prng.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

class CanaryCells {
 public:
  struct Canary {
    uint32_t word_count;
    uint32_t seed;
    int64_t words[];
  };

  explicit CanaryCells(size_t cell_count) : cells_(cell_count) {}

  // The block of a random cell, or null. Good until the caller's next safe point.
  const Canary* Read(Prng& prng);
  void Verify(const Canary& canary);
  // Puts a new block into a random cell. False when memory ran out.
  [[nodiscard]] bool Replace(rt::ThreadState& thread, Prng& prng);
  // Reads one block for `duration`.
  void Stall(rt::ThreadState& thread, const Clock& clock, absl::Duration duration, Prng& prng);
  // `thread` holds no pointer into the cells, and nobody else is attached.
  void CheckGoalIsReached(rt::ThreadState& thread, std::string_view moment);

  void DropAll(rt::ThreadState& thread);
  // Reports what was wrong.
  void Judge(ViolationList& out);

  // relaxed, both: statistics, they order nothing.
  int64_t stalls_count() const { return stalls_.load(std::memory_order_relaxed); }
  int64_t goals_count() const { return goals_.load(std::memory_order_relaxed); }

 private:
  static void Retire(rt::ThreadState& thread, Canary* canary);

  std::vector<rt::Atomic<Canary*>> cells_;
  rt::Atomic<int64_t> broken_canaries_{0};
  rt::Atomic<int64_t> stalls_{0};
  rt::Atomic<int64_t> goals_{0};
  ViolationList found_;
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_CANARY_CELLS_H_
