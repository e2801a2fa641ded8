#include "stressd/host/scenarios/state_traffic.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_format.h"
#include "absl/types/span.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {

absl::Status StateTraffic::Create(ScenarioContext& context) {
  if (testator_type_ != nullptr) return absl::OkStatus();
  testator_type_ =
      rt::TypeNew(context.main_thread(), {.name = "Testator", .finalizer = &LeaveHeir});
  return testator_type_ != nullptr ? absl::OkStatus() : NoMemory();
}

absl::Status StateTraffic::WorkOnce(ScenarioContext& context, rt::ThreadState& own, Prng& prng) {
  switch (prng.Below(8)) {
    case 0:
      return MakeBulk(context, own, prng);
    case 1:
    case 2:
    case 3:
    case 4:
      return Bind(own, prng);
    case 5:
      ReadList(context);
      return absl::OkStatus();
    default:
      Delete(own, Swap(used_, prng.Next(), nullptr));
      return absl::OkStatus();
  }
}

rt::ThreadState* StateTraffic::Swap(Places& places, uint64_t index, rt::ThreadState* thread) {
  // (Z5) acq_rel exchange, synchronizes with the exchange (Z5) of another
  //      thread: who takes a thread state has it to itself, as it was left.
  return places[index % places.size()].exchange(thread, std::memory_order_acq_rel);
}

absl::Status StateTraffic::MakeBulk(ScenarioContext& context, rt::ThreadState& own, Prng& prng) {
  for (int64_t i = prng.Between(1, bulk_); i > 0; --i) {
    rt::ThreadState* const made = rt::NewThreadState(context.interpreter());
    if (made == nullptr) return NoMemory();
    // relaxed, here and below: statistics, judged when no thread works any more.
    made_.fetch_add(1, std::memory_order_relaxed);
    if (rt::ThreadState* const unused = Swap(fresh_, prng.Next(), made)) {
      never_bound_.fetch_add(1, std::memory_order_relaxed);
      Delete(own, unused);
    }
  }
  return absl::OkStatus();
}

absl::Status StateTraffic::Bind(rt::ThreadState& own, Prng& prng) {
  rt::ThreadState* const fresh = Swap(fresh_, prng.Next(), nullptr);
  if (fresh == nullptr) return absl::OkStatus();
  rt::ScopedDetach detached(own);
  absl::Status status = WasShutDown();
  bool ended = false;
  if (rt::Attach(*fresh)) {
    bound_.fetch_add(1, std::memory_order_relaxed);
    status = Use(*fresh, prng);
    ended = prng.Chance(1, 4);
    if (ended) {
      Leave(*fresh);
    } else {
      rt::Detach(*fresh);
    }
  }
  if (!detached.End()) return WasShutDown();
  if (!ended) Delete(own, Swap(used_, prng.Next(), fresh));
  return status;
}

absl::Status StateTraffic::Use(rt::ThreadState& thread, Prng& prng) {
  rt::Number* const shared = rt::NumberNew(thread, 1);
  if (shared == nullptr) return NoMemory();
  objects_.Put(thread, prng.Next(), rt::AsObject(shared));
  rt::Object* const local = prng.Chance(1, 2)
                                ? rt::AsObject(rt::ListNew(thread, 2))
                                : rt::AsObject(rt::InstanceNew(thread, testator_type_));
  if (local == nullptr) return NoMemory();
  rt::SetLocalObject(thread, local);
  return absl::OkStatus();
}

void StateTraffic::LeaveHeir(rt::ObjectThread& thread, rt::Instance*, void*) {
  // Lack of memory leaves nothing, which is no fault.
  if (rt::List* const heir = rt::ListNew(thread, 1)) {
    rt::SetLocalObject(*rt::CurrentThreadState(), rt::AsObject(heir));
  }
}

void StateTraffic::DropType(rt::ThreadState& main) {
  rt::SetLocalObject(main, nullptr);  // What thread states left that it has cleared.
  if (testator_type_ != nullptr) rt::Decref(main, rt::AsObject(testator_type_));
  testator_type_ = nullptr;
}

void StateTraffic::Delete(rt::ThreadState& own, rt::ThreadState* victim) {
  if (victim == nullptr) return;
  rt::ClearThreadState(own, *victim);
  rt::DeleteThreadState(own, *victim);
  rt::ReleaseThreadState(victim);
}

void StateTraffic::ReadList(ScenarioContext& context) {
  std::array<rt::ThreadReading, 16> readings;
  const size_t count = context.interpreter().ReadThreads(absl::MakeSpan(readings));
  for (size_t i = 0; i < std::min(count, readings.size()); ++i) {
    if (readings[i].id >= 2 && readings[i].status <= 4) continue;
    found_.Add("thread-list", absl::StrFormat("a thread state has id %d and status %d",
                                              readings[i].id, readings[i].status));
  }
}

void StateTraffic::DropAll(ScenarioContext& context) {
  rt::ThreadState& main = context.main_thread();
  for (size_t i = 0; i < fresh_.size(); ++i) {
    Delete(main, Swap(fresh_, i, nullptr));
    Delete(main, Swap(used_, i, nullptr));
  }
  objects_.DropAll(main);
  DropType(main);
}

void StateTraffic::DropAllInChild(ScenarioContext& context) {
  for (size_t i = 0; i < fresh_.size(); ++i) {
    (void)Swap(fresh_, i, nullptr);
    (void)Swap(used_, i, nullptr);
  }
  objects_.DropAll(context.main_thread());
  DropType(context.main_thread());
}

}  // namespace stressd::host
