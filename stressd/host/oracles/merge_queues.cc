#include "stressd/host/oracles/merge_queues.h"

#include "absl/strings/str_format.h"

namespace stressd::host {

void JudgeMergeQueues(const Observation& before, const Observation& after, ViolationList& out) {
  (void)before;  // None may wait, whatever waited at the start.
  const int64_t queued_count = after.balance.queued_object_count;
  if (queued_count == 0) return;
  out.Add("merge-queues", absl::StrFormat("%d objects still wait in merge queues", queued_count));
}

}  // namespace stressd::host
