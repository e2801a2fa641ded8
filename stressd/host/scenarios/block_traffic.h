// BlockTraffic: memory that is freed late, and memory that is used again at once.
//
// Model.  Canary blocks in shared cells are read while others replace them
//   (canary_cells.h). Blocks of all sizes and instances go to delayed free, the
//   finalizers of instances delay more. Bursts of small objects fill and empty
//   freelists, half of them on another thread (object_burst.h).
// Invariants.  TR-1, TR-2. Canaries are whole. Every instance's finalizer runs once.
// Thread safety, fork.  traffic.h.

#ifndef STRESSD_HOST_SCENARIOS_BLOCK_TRAFFIC_H_
#define STRESSD_HOST_SCENARIOS_BLOCK_TRAFFIC_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/base/atomic.h"
#include "stressd/host/scenarios/canary_cells.h"
#include "stressd/host/scenarios/delayed_chain.h"
#include "stressd/host/scenarios/object_burst.h"
#include "stressd/host/scenarios/traffic.h"

namespace stressd::host {

class BlockTraffic final : public Traffic {
 public:
  // How many Quiesce() after DropAll() until nothing waits any more.
  static constexpr int kNestingDepth = 2;

  BlockTraffic();

  absl::Status Create(ScenarioContext& context) override;
  absl::Status Operate(TrafficThread& thread) override;
  void DropAll(ScenarioContext& context) override;
  void Judge(ViolationList& out) override;

 private:
  absl::Status Stall(TrafficThread& thread);
  absl::Status CheckStopped(rt::ThreadState& thread);
  bool UseBurst(rt::ThreadState& thread, Prng& prng);
  void CountWrong(int64_t count);

  CanaryCells cells_;
  std::vector<rt::Atomic<ObjectBurst*>> bursts_;
  DelayedChain chain_;
  rt::Atomic<int64_t> wrong_values_{0};
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_BLOCK_TRAFFIC_H_
