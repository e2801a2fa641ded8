#include "stressd/host/oracles/thread_list.h"

#include "absl/strings/str_format.h"

namespace stressd::host {

void JudgeThreadList(const Observation& before, const Observation& after, ViolationList& out) {
  const int64_t was = before.balance.thread_state_count;
  const int64_t is = after.balance.thread_state_count;
  if (is == was) return;
  out.Add("thread-list",
          absl::StrFormat("%+d thread states: there were %d and are %d", is - was, was, is));
}

}  // namespace stressd::host
