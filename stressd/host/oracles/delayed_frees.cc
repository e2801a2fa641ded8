#include "stressd/host/oracles/delayed_frees.h"

#include "absl/strings/str_format.h"

namespace stressd::host {

void JudgeDelayedFrees(const Observation& before, const Observation& after, ViolationList& out) {
  (void)before;  // None may wait, whatever waited at the start.
  const rt::BalanceSnapshot& is = after.balance;
  if (is.delayed_free_count == 0 && is.delayed_free_bytes == 0) return;
  out.Add("delayed-frees", absl::StrFormat("%d blocks of %d bytes still wait for a QSBR goal "
                                           "(write sequence %d, read sequence %d)",
                                           is.delayed_free_count, is.delayed_free_bytes,
                                           is.write_sequence, is.read_sequence));
}

}  // namespace stressd::host
