#include "stressd/host/scenarios/count_traffic.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "runtime/base/futex.h"
#include "stressd/host/scenarios/marked_number.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

// A blocked owner comes back after so many drops by others, or after 2 ms when
// too few threads are left to make them.
constexpr uint32_t kDropsPerBlock = 64;
constexpr int64_t kLongestBlockNs = 2'000'000;

rt::Object* TakeHeld(Held& held, Prng& prng) {
  const size_t index = prng.Below(held.size());
  std::swap(held[index], held.back());
  rt::Object* const object = held.back();
  held.pop_back();
  return object;
}

}  // namespace

absl::Status CountTraffic::Create(ScenarioContext& context) {
  if (type_ != nullptr) return absl::OkStatus();
  type_ = rt::TypeNew(
      context.main_thread(),
      {.name = "Handed", .slot_count = 1, .finalizer = &CountFinalizer, .finalizer_context = this});
  return type_ == nullptr ? NoMemory() : absl::OkStatus();
}

absl::Status CountTraffic::Operate(TrafficThread& thread) {
  if (thread.prng.Below(1000) < block_per_mille_) return Block(thread.state);
  return WorkOnce(thread.state, thread.held, thread.prng) ? absl::OkStatus() : NoMemory();
}

bool CountTraffic::WorkOnce(rt::ThreadState& thread, Held& held, Prng& prng) {
  if (prng.Chance(1, 64)) Dawdle();
  switch (prng.Below(6)) {
    case 0:
    case 1:
      return MakeAndShare(thread, held, prng);
    case 2:
      DropOne(thread, prng);
      return true;
    case 3:
      CountUpAndDown(thread, prng);
      return true;
    case 4:
      if (!held.empty()) MergeOne(thread, held, prng);
      return true;
    default:
      if (!held.empty()) rt::Decref(thread, TakeHeld(held, prng));
      return true;
  }
}

bool CountTraffic::MakeAndShare(rt::ThreadState& thread, Held& held, Prng& prng) {
  rt::Object* const object = Make(thread, prng);
  if (object == nullptr) return false;
  rt::Incref(thread, object);
  Put(thread, prng, object);
  held.push_back(object);
  if (held.size() > held_limit_) rt::Decref(thread, TakeHeld(held, prng));
  return true;
}

rt::Object* CountTraffic::Make(rt::ThreadState& thread, Prng& prng) {
  rt::Number* const number =
      rt::NumberNew(thread, MarkedNumber(static_cast<uint32_t>(prng.Next())));
  if (number == nullptr) return nullptr;
  rt::Object* const made = rt::AsObject(number);
  const uint64_t kind = prng.Below(8);
  if (kind > 2) return made;
  if (kind == 0) {
    rt::Object* const items[] = {made, made};
    rt::Tuple* const tuple = rt::TupleNew(thread, items, 2);
    rt::Decref(thread, made);
    return tuple == nullptr ? nullptr : rt::AsObject(tuple);
  }
  rt::Instance* const instance = rt::InstanceNew(thread, type_);
  if (instance != nullptr) {
    // relaxed: a statistic, judged when no thread works any more.
    instances_made_.fetch_add(1, std::memory_order_relaxed);
    // An object of another thread, so that our death queues for that one.
    rt::Object* const other = places_.Swap(prng.Next(), nullptr);
    const bool fits = other != nullptr && rt::IsNumber(other);
    rt::InstanceSet(thread, instance, 0, fits ? other : made);
    rt::DecrefIfNotNull(thread, other);
  }
  rt::Decref(thread, made);
  return instance == nullptr ? nullptr : rt::AsObject(instance);
}

void CountTraffic::DropOne(rt::ThreadState& thread, Prng& prng) {
  rt::Object* const object = places_.Swap(prng.Next(), nullptr);
  if (object == nullptr) return;
  Inspect(object);
  rt::Decref(thread, object);
  NoteDrop();
}

void CountTraffic::CountUpAndDown(rt::ThreadState& thread, Prng& prng) {
  rt::Object* const object = places_.Swap(prng.Next(), nullptr);
  if (object == nullptr) return;
  const int64_t turns = prng.Between(1, 8);
  for (int64_t i = 0; i < turns; ++i) rt::Incref(thread, object);
  Inspect(object);
  for (int64_t i = 0; i < turns; ++i) rt::Decref(thread, object);
  Put(thread, prng, object);
}

// Takes the ownership off an object that others may drop at the same moment.
void CountTraffic::MergeOne(rt::ThreadState& thread, Held& held, Prng& prng) {
  rt::Object* const object = TakeHeld(held, prng);
  // Our reference keeps the count above 0.
  (void)rt::ExplicitMerge(thread, object, 0);
  rt::Decref(thread, object);
}

void CountTraffic::Put(rt::ThreadState& thread, Prng& prng, rt::Object* object) {
  rt::Object* const replaced = places_.Swap(prng.Next(), object);
  if (replaced == nullptr) return;
  Inspect(replaced);
  rt::Decref(thread, replaced);
  NoteDrop();
}

void CountTraffic::NoteDrop() {
  // relaxed: only the number counts.
  const uint32_t before = drops_.fetch_add(1, std::memory_order_relaxed);
  if (before % kDropsPerBlock == 0) rt::FutexWake(&drops_, -1);
}

absl::Status CountTraffic::Block(rt::ThreadState& thread) {
  rt::ScopedDetach detached(thread);
  // relaxed: only the number counts.
  const uint32_t start = drops_.load(std::memory_order_relaxed);
  uint32_t now = start;
  while (now - start < kDropsPerBlock) {
    if (rt::FutexWait(drops_, now, kLongestBlockNs) == rt::FutexResult::kTimedOut) break;
    now = drops_.load(std::memory_order_relaxed);
  }
  return detached.End() ? absl::OkStatus() : WasShutDown();
}

void CountTraffic::GiveAway(rt::ThreadState& thread, Held& held, Prng& prng) {
  for (rt::Object* const object : held) places_.Put(thread, prng.Next(), object);
  held.clear();
}

void CountTraffic::Inspect(rt::Object* object) {
  bool right = true;
  if (rt::IsNumber(object)) {
    right = IsMarkedNumber(rt::NumberValue(object));
  } else if (rt::IsTuple(object)) {
    auto* const tuple = reinterpret_cast<rt::Tuple*>(object);
    // Not null: the collector clears only what nobody reaches.
    right = rt::TupleSize(tuple) == 2 && tuple->items[0] == tuple->items[1] &&
            IsMarkedNumber(rt::NumberValue(tuple->items[0]));
  }
  // relaxed: a statistic, judged when no thread works any more.
  if (!right) wrong_values_.fetch_add(1, std::memory_order_relaxed);
}

void CountTraffic::CountFinalizer(rt::ObjectThread&, rt::Instance*, void* traffic) {
  // relaxed: a statistic, judged when no thread works any more.
  static_cast<CountTraffic*>(traffic)->finalizers_run_.fetch_add(1, std::memory_order_relaxed);
}

void CountTraffic::DropAll(ScenarioContext& context) {
  places_.DropAll(context.main_thread());
  if (type_ == nullptr) return;
  rt::Decref(context.main_thread(), rt::AsObject(type_));
  type_ = nullptr;
}

void CountTraffic::Judge(ViolationList& out) {
  // relaxed: no thread works any more.
  const int64_t wrong = wrong_values_.exchange(0, std::memory_order_relaxed);
  const int64_t made = instances_made_.load(std::memory_order_relaxed);
  const int64_t finalized = finalizers_run_.load(std::memory_order_relaxed);
  if (wrong != 0) {
    out.Add("object-values",
            absl::StrFormat("%d objects did not hold what they were made with", wrong));
  }
  if (made != finalized) {
    out.Add("finalizers",
            absl::StrFormat("%d instances were made and %d finalizers ran", made, finalized));
  }
}

}  // namespace stressd::host
