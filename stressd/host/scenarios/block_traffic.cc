#include "stressd/host/scenarios/block_traffic.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"
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

BlockTraffic::BlockTraffic() : cells_(16), bursts_(4), chain_(kSmallBytes) {}

absl::Status BlockTraffic::Create(ScenarioContext& context) {
  return chain_.Create(context.main_thread()) ? absl::OkStatus() : NoMemory();
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
    has_memory = DelayedChain::DelayBlock(
        thread.state, prng.Chance(1, 8) ? kBigBytes : prng.Between(1, kSmallBytes));
  } else {
    has_memory = chain_.DelayInstance(thread.state, prng.Between(1, kNestingDepth));
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
  CountWrong(DropTakenBurst(thread, bursts_[prng.Below(bursts_.size())].exchange(
                                        burst.release(), std::memory_order_acq_rel)));
  return made;
}

void BlockTraffic::CountWrong(int64_t count) {
  // relaxed: a statistic, judged when no thread works any more.
  if (count != 0) wrong_values_.fetch_add(count, std::memory_order_relaxed);
}

void BlockTraffic::DropAll(ScenarioContext& context) {
  rt::ThreadState& main = context.main_thread();
  cells_.DropAll(main);
  for (rt::Atomic<ObjectBurst*>& place : bursts_) {
    // (Z7) acquire exchange, synchronizes with the exchange (Z6) in UseBurst().
    CountWrong(DropTakenBurst(main, place.exchange(nullptr, std::memory_order_acquire)));
  }
  chain_.DropType(main);
}

void BlockTraffic::Judge(ViolationList& out) {
  cells_.Judge(out);
  chain_.Judge(out);
  // relaxed: no thread works any more.
  const int64_t wrong = wrong_values_.exchange(0, std::memory_order_relaxed);
  if (wrong != 0) {
    out.Add("object-values",
            absl::StrFormat("%d numbers did not hold what they were made with", wrong));
  }
}

}  // namespace stressd::host
