// DataTrade: a runtime whose interpreters are created, run in and destroyed while
// they give each other cross-interpreter data.
//
// Model.  Begin() makes a runtime with some interpreters, three queues (unbounded;
//   bounded and keeping orphans; bounded and dropping them) and a channel. Step()
//   destroys an interpreter and makes another in its place, or runs in one and puts
//   and takes data of every kind there, waiting for at most a moment. End() destroys
//   everything and judges what is left.
// Invariants.  Every payload reads as it was made, every interpreter ends as an
//   unused one does, no refusal is one that cannot be, each opaque datum is released
//   once, at the end no data are left.
// Thread safety.  Step(): any OS thread, attached to any other runtime or not, each
//   with a Tally of its own. Begin(), End(): one thread, while no other steps.
// Fork.  Nothing here may be used in a child that another runtime forked.

#ifndef STRESSD_HOST_SCENARIOS_DATA_TRADE_H_
#define STRESSD_HOST_SCENARIOS_DATA_TRADE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "runtime/base/atomic.h"
#include "runtime/interp/interp.h"
#include "runtime/runtime.h"
#include "stressd/host/scenario/prng.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

class DataTrade {
 public:
  struct Shape {
    size_t interpreter_count = 3;
    int64_t trades = 4;  // Data put or taken in each visit.
    uint64_t destroy_per_mille = 120;
    int64_t capacity = 8;      // Of the bounded queues and the channel.
    int64_t wait_ns = 50'000;  // A put or take waits at most.
  };

  // Of one worker.
  struct Tally {
    ViolationList found;
    int64_t destroyed_count = 0;
    int64_t traded_count = 0;
  };

  explicit DataTrade(const Shape& shape) : shape_(shape) {}
  DataTrade(const DataTrade&) = delete;
  DataTrade& operator=(const DataTrade&) = delete;

  // ResourceExhaustedError when memory runs out; call End() all the same.
  absl::Status Begin();
  void Step(Tally& tally, Prng& prng);
  // The caller has no current thread state of this runtime.
  void End(ViolationList& found);

 private:
  static constexpr size_t kQueueCount = 3;

  static void CountRelease(void* data, rt::ThreadState* origin);

  uint64_t NewInterpreter();
  rt::CrossData MakeAny(rt::ThreadState& thread, Prng& prng);
  bool IsIntact(const rt::CrossData& data) const;
  void Destroy(Tally& tally, rt::Atomic<uint64_t>& place, uint64_t id);
  void Judge(const rt::BalanceSnapshot& end, ViolationList& found) const;
  static void FreezeType(rt::ThreadState& thread);
  void Visit(Tally& tally, rt::ThreadState& thread, Prng& prng);
  void JudgeExchange(ViolationList& found) const;

  const Shape shape_;
  std::unique_ptr<rt::Runtime> runtime_;
  std::unique_ptr<rt::Exchange> exchange_;
  std::vector<rt::Atomic<uint64_t>> places_;  // Ids of interpreters.
  std::array<uint64_t, kQueueCount> queues_ = {};
  uint64_t channel_ = 0;
  rt::BalanceSnapshot unused_end_;
  rt::Atomic<int64_t> opaque_made_{0};
  rt::Atomic<int64_t> opaque_released_{0};
  rt::Atomic<int64_t> wrong_place_{0};
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_DATA_TRADE_H_
