// Shares of `mixed` that bring a helper of other scenarios into the form of Traffic.

#ifndef STRESSD_HOST_SCENARIOS_MIXED_SHARES_H_
#define STRESSD_HOST_SCENARIOS_MIXED_SHARES_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "stressd/host/scenarios/data_trade.h"
#include "stressd/host/scenarios/fault_injection.h"
#include "stressd/host/scenarios/ring_traffic.h"
#include "stressd/host/scenarios/round_scenario.h"
#include "stressd/host/scenarios/traffic.h"

namespace stressd::host {

// Rings of garbage. DropAll() collects by itself: what finalizers save must be dropped
// in between. Nobody may have frozen anything then.
class RingShare final : public Traffic {
 public:
  explicit RingShare(const RingTraffic::Shape& shape) : rings_(shape) {}

  absl::Status Create(ScenarioContext& context) override {
    return rings_.Create(context.main_thread());
  }

  absl::Status Operate(TrafficThread& thread) override {
    rings_.ReadSome(thread.state, thread.worker, thread.prng);
    return rings_.MakeRing(thread.state, thread.worker, thread.prng);
  }

  void DropAll(ScenarioContext& context) override {
    rt::ThreadState& main = context.main_thread();
    rings_.DropShared(main);
    // 64: a saved instance is saved once, so a few times are enough.
    for (int i = 0; i < 64; ++i) {
      rings_.DropSaved(main);
      const rt::CollectResult result = rt::Collect(main);
      if (result.status != rt::CollectStatus::kDone ||
          (result.unreachable_count == 0 && !rings_.HasSaved())) {
        break;
      }
    }
    rings_.Settle(main);
    rings_.Drop(main);
  }

  void Judge(ViolationList& out) override { rings_.Judge(out); }

 private:
  RingTraffic rings_;
};

// Interpreters of a runtime of their own that give each other data.
class TradeShare final : public Traffic {
 public:
  explicit TradeShare(size_t worker_count) : tallies_(worker_count) {}

  absl::Status Create(ScenarioContext&) override {
    if (trade_ != nullptr) return absl::OkStatus();
    trade_ = std::make_unique<DataTrade>(DataTrade::Shape{.destroy_per_mille = 200});
    return trade_->Begin();
  }

  absl::Status Operate(TrafficThread& thread) override {
    const NoFaults no_faults;
    // As a call into a library that has a runtime of its own.
    rt::ScopedDetach detached(thread.state);
    trade_->Step(tallies_[thread.worker], thread.prng);
    return detached.End() ? absl::OkStatus() : WasShutDown();
  }

  void DropAll(ScenarioContext&) override {
    if (trade_ == nullptr) return;
    trade_->End(found_);
    trade_.reset();
  }

  // Of the other runtime nothing may be used in a child.
  void DropAllInChild(ScenarioContext&) override {}

  void Judge(ViolationList& out) override {
    out.Append(found_);
    for (const DataTrade::Tally& tally : tallies_) out.Append(tally.found);
  }

 private:
  std::unique_ptr<DataTrade> trade_;
  std::vector<DataTrade::Tally> tallies_;
  ViolationList found_;
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_MIXED_SHARES_H_
