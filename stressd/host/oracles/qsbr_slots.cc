#include "stressd/host/oracles/qsbr_slots.h"

#include "absl/strings/str_format.h"

namespace stressd::host {
namespace {

// Returns true if sequence `earlier` is not after `later`. Sequences wrap, so
// their difference is compared, not they themselves.
bool NotAfter(uint64_t earlier, uint64_t later) {
  return static_cast<int64_t>(later - earlier) >= 0;
}

}  // namespace

void JudgeQsbrSlots(const Observation& before, const Observation& after, ViolationList& out) {
  const rt::BalanceSnapshot& was = before.balance;
  const rt::BalanceSnapshot& is = after.balance;
  if (is.qsbr_slot_count != was.qsbr_slot_count) {
    out.Add("qsbr-slots", absl::StrFormat("%+d QSBR slots: %d were in use and %d are",
                                          is.qsbr_slot_count - was.qsbr_slot_count,
                                          was.qsbr_slot_count, is.qsbr_slot_count));
  }
  if (is.qsbr_slot_count != is.thread_state_count) {
    out.Add("qsbr-slots", absl::StrFormat("%d QSBR slots for %d thread states", is.qsbr_slot_count,
                                          is.thread_state_count));
  }
  if (!NotAfter(is.read_sequence, is.write_sequence)) {
    out.Add("qsbr-slots", absl::StrFormat("read sequence %d is ahead of write sequence %d",
                                          is.read_sequence, is.write_sequence));
  }
  if (!NotAfter(was.write_sequence, is.write_sequence) ||
      !NotAfter(was.read_sequence, is.read_sequence)) {
    out.Add("qsbr-slots", absl::StrFormat("sequences went back: write %d to %d, read %d to "
                                          "%d",
                                          was.write_sequence, is.write_sequence, was.read_sequence,
                                          is.read_sequence));
  }
}

}  // namespace stressd::host
