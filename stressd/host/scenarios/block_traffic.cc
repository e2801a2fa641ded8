#include "stressd/host/scenarios/block_traffic.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "runtime/alloc/heap_bundle.h"
#include "stressd/host/scenarios/marked_number.h"
#include "stressd/host/scenarios/round_scenario.h"

namespace stressd::host {
namespace {

constexpr int64_t kSmallBytes = 512;
// 300 KiB: four of them pass the limit in bytes of delayed free.
constexpr int64_t kBigBytes = 300 << 10;
// A stalled read takes 20 to 300 us: some stops of others long.
constexpr int64_t kShortestStallUs = 20;
constexpr int64_t kLongestStallUs = 300;

}  // namespace

absl::Status BlockTraffic::Create(ScenarioContext& context) {
  if (type_ != nullptr) return absl::OkStatus();
  type_ = rt::TypeNew(
      context.main_thread(),
      {.name = "Delayed", .slot_count = 1, .finalizer = &DelayMore, .finalizer_context = this});
  return type_ == nullptr ? NoMemory() : absl::OkStatus();
}

absl::Status BlockTraffic::Operate(TrafficThread& thread) {
  Prng& prng = thread.prng;
  const uint64_t draw = prng.Below(200);
  bool has_memory = true;
  if (draw < 80) {
    for (int left = 8; left > 0; --left) {
      if (const auto* const canary = cells_.Read(prng)) cells_.Verify(*canary);
    }
  } else if (draw < 140) {
    has_memory = cells_.Replace(thread.state, prng);
  } else if (draw < 142) {
    return Stall(thread);
  } else if (draw < 144) {
    return CheckStopped(thread.state);
  } else if (draw < 160) {
    has_memory = UseBurst(thread.state, prng);
  } else if (draw < 180) {
    has_memory =
        DelayBlock(thread.state, prng.Chance(1, 8) ? kBigBytes : prng.Between(1, kSmallBytes));
  } else {
    has_memory = DelayInstance(thread.state, prng.Between(1, kNestingDepth));
  }
  return has_memory ? absl::OkStatus() : NoMemory();
}

absl::Status BlockTraffic::Stall(TrafficThread& thread) {
  const int64_t stall_us = thread.prng.Between(kShortestStallUs, kLongestStallUs);
  cells_.Stall(thread.state, thread.context.clock(), absl::Microseconds(stall_us), thread.prng);
  return rt::SafePoint(thread.state) ? absl::OkStatus() : WasShutDown();
}

absl::Status BlockTraffic::CheckStopped(rt::ThreadState& thread) {
  if (!rt::StopTheWorld(thread, rt::StopScope::kInterpreter)) return WasShutDown();
  cells_.CheckGoalIsReached(thread, "in a stopped world");
  rt::StartTheWorld(thread);
  return absl::OkStatus();
}

bool BlockTraffic::UseBurst(rt::ThreadState& thread, Prng& prng) {
  auto burst = std::make_unique<ObjectBurst>();
  const bool made = MakeBurst(thread, prng, *burst);
  if (prng.Chance(1, 2)) std::reverse(burst->begin(), burst->end());
  if (prng.Chance(1, 2)) {
    DropBurst(thread, *burst);
    return made;
  }
  // (Z6) acq_rel exchange, synchronizes with the exchange (Z6) of another thread:
  //      its burst is complete before we look at it.
  DropTaken(thread, bursts_[prng.Below(bursts_.size())].exchange(burst.release(),
                                                                 std::memory_order_acq_rel));
  return made;
}

void BlockTraffic::DropTaken(rt::ThreadState& thread, ObjectBurst* taken) {
  if (taken == nullptr) return;
  for (rt::Object* const object : *taken) {
    if (!rt::IsNumber(object) || IsMarkedNumber(rt::NumberValue(object))) continue;
    // relaxed: a statistic, judged when no thread works any more.
    wrong_values_.fetch_add(1, std::memory_order_relaxed);
  }
  DropBurst(thread, *taken);
  delete taken;
}

bool BlockTraffic::DelayBlock(rt::ObjectThread& thread, int64_t bytes) {
  const auto size = static_cast<size_t>(bytes);
  void* const block = rt::AllocateBlock(thread, rt::HeapKind::kMemory, size);
  if (block == nullptr) return false;
  // Both ends: what is freed too early is somebody else's by now.
  static_cast<char*>(block)[0] = 1;
  static_cast<char*>(block)[size - 1] = 1;
  thread.delayed_free.FreeMemory(block, size);
  return true;
}

bool BlockTraffic::DelayInstance(rt::ObjectThread& thread, int64_t depth) {
  rt::Instance* const instance = rt::InstanceNew(thread, type_);
  if (instance == nullptr) return false;
  // relaxed: a statistic, judged when no thread works any more.
  instances_made_.fetch_add(1, std::memory_order_relaxed);
  if (rt::Number* const number = rt::NumberNew(thread, depth)) {
    rt::InstanceSet(thread, instance, 0, rt::AsObject(number));
    rt::Decref(thread, rt::AsObject(number));
  }
  thread.delayed_free.FreeObject(rt::AsObject(instance), sizeof(rt::Instance));
  return true;
}

void BlockTraffic::DelayMore(rt::ObjectThread& thread, rt::Instance* instance, void* traffic) {
  auto& self = *static_cast<BlockTraffic*>(traffic);
  // relaxed: a statistic, judged when no thread works any more.
  self.finalizers_run_.fetch_add(1, std::memory_order_relaxed);
  rt::Object* const number = rt::InstanceGet(thread, instance, 0);
  if (number == nullptr) return;
  const int64_t depth = rt::NumberValue(number);
  rt::Decref(thread, number);
  // `type_` is null when the main thread has dropped it: the chain ends there.
  if (depth <= 1 || self.type_ == nullptr) return;
  // Lack of memory makes the chain shorter, no more.
  (void)DelayBlock(thread, kSmallBytes);
  (void)self.DelayInstance(thread, depth - 1);
}

void BlockTraffic::DropAll(ScenarioContext& context) {
  rt::ThreadState& main = context.main_thread();
  cells_.DropAll(main);
  for (rt::Atomic<ObjectBurst*>& place : bursts_) {
    // (Z7) acquire exchange, synchronizes with the exchange (Z6) in UseBurst().
    DropTaken(main, place.exchange(nullptr, std::memory_order_acquire));
  }
  if (type_ == nullptr) return;
  rt::Decref(main, rt::AsObject(type_));
  type_ = nullptr;
}

void BlockTraffic::Judge(ViolationList& out) {
  cells_.Judge(out);
  // relaxed: no thread works any more.
  const int64_t made = instances_made_.load(std::memory_order_relaxed);
  const int64_t finalized = finalizers_run_.load(std::memory_order_relaxed);
  const int64_t wrong = wrong_values_.exchange(0, std::memory_order_relaxed);
  if (wrong != 0) {
    out.Add("object-values",
            absl::StrFormat("%d numbers did not hold what they were made with", wrong));
  }
  if (made != finalized) {
    out.Add("finalizers", absl::StrFormat("%d delayed instances were made and %d finalizers ran",
                                          made, finalized));
  }
}

}  // namespace stressd::host
