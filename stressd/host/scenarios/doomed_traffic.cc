#include "stressd/host/scenarios/doomed_traffic.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "stressd/host/scenarios/fault_injection.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

// Of 16 operations: how many strike. A house sees a dozen visits.
constexpr uint64_t kStrikes = 1;
constexpr uint64_t kStrikesOf = 12;
constexpr int64_t kLongestStay = 96;

}  // namespace

absl::Status DoomedTraffic::Operate(TrafficThread& thread) {
  rt::Atomic<House*>& place = places_[thread.prng.Below(places_.size())];
  // (Z8) acquire load, synchronizes with the release exchange (Z9) in Build(): the
  //      house is complete. It stays until DropAll().
  House* const house = place.load(std::memory_order_acquire);
  // Elsewhere meanwhile, as a thread with two thread states.
  rt::ScopedDetach detached(thread.state);
  absl::Status status;
  if (house == nullptr) {
    status = Build(thread.context, place);
  } else if (thread.prng.Chance(kStrikes, kStrikesOf)) {
    Strike(place);
  } else {
    Visit(thread.context.runtime(), *house, thread.prng);
  }
  return detached.End() ? status : WasShutDown();
}

absl::Status DoomedTraffic::Build(ScenarioContext& context, rt::Atomic<House*>& place) {
  auto house = std::make_unique<House>();
  house->interpreter = rt::Interpreter::Create(context.runtime());
  if (house->interpreter == nullptr) return NoMemory();
  house->id = house->interpreter->id();
  rt::ThreadState* const keeper = rt::NewThreadState(*house->interpreter);
  absl::Status status = NoMemory();
  if (keeper != nullptr && rt::Attach(*keeper)) {
    status = house->doomed.Create(*keeper);
    if (status.ok()) {
      if (!house->doomed.Root(*keeper)) status = NoMemory();
      house->doomed.Release(*keeper);
    }
    rt::Detach(*keeper);
  }
  if (keeper != nullptr) house->left.push_back(keeper);
  House* const built = house.get();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    houses_.push_back(std::move(house));
  }
  if (!status.ok()) return status;
  // (Z9) acq_rel exchange, synchronizes with the loads (Z8) in Operate(). What
  //      another thread has just built here stands empty until DropAll().
  (void)place.exchange(built, std::memory_order_acq_rel);
  return absl::OkStatus();
}

void DoomedTraffic::Visit(rt::Runtime& runtime, House& house, Prng& prng) {
  rt::InterpreterLease lease;
  if (rt::LeaseInterpreter(runtime, house.id, &lease) != rt::InterpreterStatus::kOk) {
    found_.Add("leases", "an interpreter that nobody has destroyed could not be leased");
    return;
  }
  // Null: it is being finalized.
  rt::ThreadState* const thread = rt::NewThreadState(*lease);
  if (thread == nullptr) return;
  if (!rt::Attach(*thread)) {
    rt::ReleaseThreadState(thread);
    return;
  }
  Stay(house, *thread, prng);
}

void DoomedTraffic::Stay(House& house, rt::ThreadState& thread, Prng& prng) {
  const bool rooted = house.doomed.Root(thread);
  if (rooted) {
    const auto outcome = house.doomed.Work(thread, prng, prng.Between(1, kLongestStay));
    if (outcome == DoomedInterpreter::Outcome::kShutDown) {
      rt::ReleaseThreadState(&thread);
      // relaxed: a statistic, orders nothing.
      shut_down_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
  }
  if (!rooted || prng.Chance(3, 4)) return Leave(thread);
  rt::Detach(thread);
  std::lock_guard<std::mutex> lock(house.mutex);
  house.left.push_back(&thread);
}

void DoomedTraffic::Strike(rt::Atomic<House*>& place) {
  // (Z8) as in Operate(): the house of (Z9), complete, and nobody else's to strike.
  House* const house = place.exchange(nullptr, std::memory_order_acq_rel);
  if (house == nullptr) return;
  if (!house->interpreter->Finalize()) {
    // For lack of memory, when faults are injected; without them it may not.
    const NoFaults no_faults;
    if (!house->interpreter->Finalize()) {
      found_.Add("finalization", "Interpreter::Finalize() refused");
    }
  }
  // relaxed: a statistic, orders nothing.
  struck_.fetch_add(1, std::memory_order_relaxed);
}

void DoomedTraffic::DropAll(ScenarioContext&) {
  // relaxed: no thread works any more.
  for (rt::Atomic<House*>& place : places_) place.store(nullptr, std::memory_order_relaxed);
  std::lock_guard<std::mutex> lock(mutex_);
  for (const std::unique_ptr<House>& house : houses_) {
    rt::BalanceSnapshot end;
    if (!rt::Interpreter::Destroy(house->interpreter, &end)) {
      found_.Add("finalization", "Interpreter::Destroy() refused");
      continue;
    }
    if (end.reference_total != 0 || end.LiveBlockCount() != 0 || end.queued_object_count != 0 ||
        end.delayed_free_count != 0 || end.thread_state_count != 0) {
      found_.Add("finalization",
                 absl::StrFormat("an interpreter ended with %d references, %d blocks, %d queued "
                                 "objects, %d delayed frees and %d thread states",
                                 end.reference_total, end.LiveBlockCount(), end.queued_object_count,
                                 end.delayed_free_count, end.thread_state_count));
    }
    house->doomed.Judge("in a house of mixed", found_);
    for (rt::ThreadState* const left : house->left) rt::ReleaseThreadState(left);
  }
  houses_.clear();
}

}  // namespace stressd::host
