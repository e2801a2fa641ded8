#include "stressd/host/oracles/interpreters.h"

#include <cstdint>

#include "absl/strings/str_format.h"

namespace stressd::host {
namespace {

// References that belong to interpreters other than the run's own.
int64_t ElsewhereCount(const Observation& observation) {
  return observation.runtime_reference_total - observation.balance.reference_total;
}

}  // namespace

void JudgeInterpreters(const Observation& before, const Observation& after, ViolationList& out) {
  if (after.interpreter_count != before.interpreter_count) {
    out.Add("interpreters", absl::StrFormat("there were %d interpreters and are %d",
                                            before.interpreter_count, after.interpreter_count));
  }
  const int64_t was = ElsewhereCount(before);
  const int64_t is = ElsewhereCount(after);
  if (is != was) {
    out.Add("interpreters", absl::StrFormat("%+d references outside the run's interpreter: "
                                            "there were %d and are %d",
                                            is - was, was, is));
  }
}

}  // namespace stressd::host
