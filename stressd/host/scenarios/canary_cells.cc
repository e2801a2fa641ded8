#include "stressd/host/scenarios/canary_cells.h"

#include <iterator>

#include "absl/strings/str_format.h"
#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/futex.h"
#include "runtime/object/object_space.h"
#include "runtime/object/object_thread.h"
#include "stressd/host/scenarios/marked_number.h"

namespace stressd::host {
namespace {

// 12 words and 4 more for every second block: two size classes.
constexpr uint32_t kWordCounts[] = {12, 16};

size_t CanaryBytes(uint32_t word_count) {
  return sizeof(CanaryCells::Canary) + word_count * sizeof(int64_t);
}

}  // namespace

const CanaryCells::Canary* CanaryCells::Read(Prng& prng) {
  // (Z3) acquire load, synchronizes with the exchange (Z4) in Replace(): the
  //      block's words are complete.
  return cells_[prng.Below(cells_.size())].load(std::memory_order_acquire);
}

bool CanaryCells::Replace(rt::ThreadState& thread, Prng& prng) {
  const uint32_t word_count = kWordCounts[prng.Below(std::size(kWordCounts))];
  auto* const canary = static_cast<Canary*>(
      rt::AllocateBlock(thread, rt::HeapKind::kMemory, CanaryBytes(word_count)));
  if (canary == nullptr) return false;
  canary->word_count = word_count;
  canary->seed = static_cast<uint32_t>(prng.Next());
  for (uint32_t i = 0; i < word_count; ++i) canary->words[i] = MarkedNumber(canary->seed + i);
  // (Z4) acq_rel exchange, synchronizes with the load (Z3) in Read() and with
  //      the exchange (Z4) of another thread: blocks are complete.
  Retire(thread, cells_[prng.Below(cells_.size())].exchange(canary, std::memory_order_acq_rel));
  return true;
}

void CanaryCells::Retire(rt::ThreadState& thread, Canary* canary) {
  if (canary == nullptr) return;
  thread.delayed_free.FreeMemory(canary, CanaryBytes(canary->word_count));
}

void CanaryCells::Verify(const Canary& canary) {
  const uint32_t word_count = canary.word_count;
  bool whole = word_count == kWordCounts[0] || word_count == kWordCounts[1];
  for (uint32_t i = 0; whole && i < word_count; ++i) {
    whole = canary.words[i] == MarkedNumber(canary.seed + i);
  }
  // relaxed: a statistic, judged when no thread works any more.
  if (!whole) broken_canaries_.fetch_add(1, std::memory_order_relaxed);
}

void CanaryCells::Stall(rt::ThreadState& thread, const Clock& clock, absl::Duration duration,
                        Prng& prng) {
  const Canary* const canary = Read(prng);
  rt::QsbrShared& qsbr = thread.space->qsbr;
  const rt::QsbrSequence goal = qsbr.Advance();
  const absl::Duration end = clock.Now() + duration;
  bool held_back = true;
  for (int turn = 0; clock.Now() < end; ++turn) {
    if (canary != nullptr) Verify(*canary);
    held_back = held_back && !qsbr.IsReached(goal);
    rt::SpinBriefly(turn);
  }
  if (canary != nullptr) Verify(*canary);
  if (!held_back) {
    found_.Add("qsbr-goal", absl::StrFormat("goal %d was reached while a reader that took it had "
                                            "not reached a safe point",
                                            goal));
  }
  // relaxed: a statistic, judged when no thread works any more.
  stalls_.fetch_add(1, std::memory_order_relaxed);
}

void CanaryCells::CheckGoalIsReached(rt::ThreadState& thread, std::string_view moment) {
  rt::QsbrShared& qsbr = thread.space->qsbr;
  const rt::QsbrSequence goal = qsbr.Advance();
  qsbr.QuiescentState(*thread.qsbr_slot);
  // relaxed: a statistic, judged when no thread works any more.
  goals_.fetch_add(1, std::memory_order_relaxed);
  if (qsbr.Poll(*thread.qsbr_slot, goal)) return;
  found_.Add("qsbr-goal", absl::StrFormat("goal %d is not reached %s", goal, moment));
}

void CanaryCells::DropAll(rt::ThreadState& thread) {
  for (rt::Atomic<Canary*>& cell : cells_) {
    // relaxed: no thread works any more.
    Retire(thread, cell.exchange(nullptr, std::memory_order_relaxed));
  }
}

void CanaryCells::Judge(ViolationList& out) {
  out.Append(found_);
  // relaxed: no thread works any more.
  const int64_t broken = broken_canaries_.exchange(0, std::memory_order_relaxed);
  if (broken != 0) {
    out.Add("canaries", absl::StrFormat("%d reads found a block that was not whole", broken));
  }
}

}  // namespace stressd::host
