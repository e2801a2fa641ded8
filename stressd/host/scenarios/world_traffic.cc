#include "stressd/host/scenarios/world_traffic.h"

#include "absl/strings/str_format.h"
#include "runtime/base/futex.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

// 6: with stops in a row those who wait to attach must get their turn in between.
constexpr int64_t kStopsInARow = 6;
constexpr int64_t kLongestAwayNs = 200'000;

struct Call {
  rt::PendingCall pending;
  rt::Atomic<int64_t>* run;
  rt::Atomic<int64_t>* misplaced;
};

void RunCall(rt::PendingCall* pending, rt::ThreadState& thread) {
  Call* const call = reinterpret_cast<Call*>(pending);
  // relaxed, both: statistics, judged when no thread works any more.
  call->run->fetch_add(1, std::memory_order_relaxed);
  if (rt::CurrentThreadState() != &thread) call->misplaced->fetch_add(1, std::memory_order_relaxed);
  delete call;
}

}  // namespace

absl::Status WorldTraffic::Operate(TrafficThread& thread) {
  switch (thread.prng.Below(16)) {
    case 0:
    case 1:
    case 2:
      return Stop(thread);
    case 3:
    case 4:
      return CollectOnce(thread.state);
    case 5:
      return thread.prng.Chance(1, 4) ? FreezeOrThaw(thread.state) : absl::OkStatus();
    case 6:
    case 7:
    case 8:
      Post(thread);
      return absl::OkStatus();
    case 9:
    case 10:
      ReadAll(thread.context);
      return absl::OkStatus();
    case 11:
    case 12: {
      rt::List* const list = rt::ListNew(thread.state, 1);
      if (list == nullptr) return NoMemory();
      rt::SetLocalObject(thread.state, rt::AsObject(list));
      return absl::OkStatus();
    }
    default:
      return BeAway(thread);
  }
}

absl::Status WorldTraffic::Stop(TrafficThread& thread) {
  const auto scope =
      thread.prng.Chance(1, 4) ? rt::StopScope::kRuntime : rt::StopScope::kInterpreter;
  const bool checks = thread.prng.Chance(1, 8);
  const int64_t count = thread.prng.Chance(1, 8) ? kStopsInARow : 1;
  for (int64_t i = 0; i < count; ++i) {
    if (!rt::StopTheWorld(thread.state, scope)) return WasShutDown();
    if (!rt::IsWorldStoppedBy(thread.state)) found_.Add("stop", "the world is not stopped by us");
    if (checks) thread.context.interpreter().CheckInvariantsWorldStopped(thread.state);
    rt::StartTheWorld(thread.state);
  }
  return absl::OkStatus();
}

absl::Status WorldTraffic::CollectOnce(rt::ThreadState& thread) {
  const rt::CollectResult result = rt::Collect(thread);
  if (result.status == rt::CollectStatus::kShutDown) return WasShutDown();
  if (result.status == rt::CollectStatus::kOutOfMemory) return NoMemory();
  if (result.status == rt::CollectStatus::kDone &&
      result.unreachable_count != result.saved_count + result.collected_count) {
    found_.Add("collection", absl::StrFormat("of %d unreachable objects %d were saved and %d "
                                             "collected",
                                             result.unreachable_count, result.saved_count,
                                             result.collected_count));
  }
  // relaxed: a statistic, orders nothing.
  collections_.fetch_add(1, std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::Status WorldTraffic::FreezeOrThaw(rt::ThreadState& thread) {
  // relaxed: which of two threads thaws does not matter.
  const bool thaws = frozen_.exchange(1, std::memory_order_relaxed) != 0;
  const rt::CollectStatus status = thaws ? rt::Unfreeze(thread) : rt::Freeze(thread);
  if (status == rt::CollectStatus::kShutDown) return WasShutDown();
  if (thaws) frozen_.store(0, std::memory_order_relaxed);
  return absl::OkStatus();
}

void WorldTraffic::Post(TrafficThread& thread) {
  rt::Interpreter& interpreter = thread.context.interpreter();
  Call* const call = new Call{{.run = &RunCall}, &calls_run_, &calls_misplaced_};
  // relaxed: a statistic, judged when no thread works any more.
  calls_posted_.fetch_add(1, std::memory_order_relaxed);
  if (rt::PostPendingCall(thread.context.runtime(), interpreter.id(), &call->pending)) return;
  found_.Add("pending-calls", "a living interpreter took no pending call");
  calls_posted_.fetch_sub(1, std::memory_order_relaxed);
  delete call;
}

void WorldTraffic::ReadAll(ScenarioContext& context) {
  rt::CounterTotals counters;
  context.interpreter().ReadCounters(&counters);
  (void)context.interpreter().ReadReferenceTotal();
  if (!rt::IsInterpreterLive(context.runtime(), context.interpreter().id())) {
    found_.Add("interpreters", "the run's own interpreter is said not to live");
  }
  const rt::CollectionReading reading = rt::ReadCollection(context.interpreter());
  if (reading.young >= 0 && reading.survivors >= 0) return;
  found_.Add("collection", absl::StrFormat("%d young objects and %d survivors were read",
                                           reading.young, reading.survivors));
}

absl::Status WorldTraffic::BeAway(TrafficThread& thread) {
  rt::ScopedDetach detached(thread.state);
  if (thread.prng.Chance(1, 2)) {
    // Nobody wakes it: as a call that blocks for a moment.
    const rt::Atomic<uint32_t> nothing{0};
    (void)rt::FutexWait(nothing, 0, thread.prng.Between(0, kLongestAwayNs));
  }
  return detached.End() ? absl::OkStatus() : WasShutDown();
}

void WorldTraffic::DropAll(ScenarioContext& context) {
  // relaxed: no thread works any more. Refused only when nothing is frozen.
  frozen_.store(0, std::memory_order_relaxed);
  (void)rt::Unfreeze(context.main_thread());
  // In a child the survivor may have one.
  rt::SetLocalObject(context.main_thread(), nullptr);
  (void)rt::RunPendingCalls(context.main_thread());
}

void WorldTraffic::Judge(ViolationList& out) {
  out.Append(found_);
  // relaxed, all: no thread works any more.
  const int64_t posted = calls_posted_.load(std::memory_order_relaxed);
  const int64_t run = calls_run_.load(std::memory_order_relaxed);
  const int64_t misplaced = calls_misplaced_.load(std::memory_order_relaxed);
  if (posted == run && misplaced == 0) return;
  out.Add("pending-calls", absl::StrFormat("%d calls were posted and %d run, %d of them elsewhere",
                                           posted, run, misplaced));
}

}  // namespace stressd::host
