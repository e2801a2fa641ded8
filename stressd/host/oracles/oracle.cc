#include "stressd/host/oracles/oracle.h"

#include <string>

#include "absl/strings/str_format.h"
#include "stressd/host/oracles/child_processes.h"
#include "stressd/host/oracles/counter_conservation.h"
#include "stressd/host/oracles/delayed_frees.h"
#include "stressd/host/oracles/heap_balance.h"
#include "stressd/host/oracles/interpreters.h"
#include "stressd/host/oracles/merge_queues.h"
#include "stressd/host/oracles/process_resources.h"
#include "stressd/host/oracles/qsbr_slots.h"
#include "stressd/host/oracles/reference_total.h"
#include "stressd/host/oracles/thread_list.h"

namespace stressd::host {
namespace {

constexpr Oracle kOracles[] = {
    {"child-processes", "Every child process was reaped.", true, &JudgeChildProcesses},
    {"counter-conservation", "Of each kind, as many objects were destroyed as were created.", false,
     &JudgeCounterConservation},
    {"delayed-frees", "No block waits for a QSBR goal.", false, &JudgeDelayedFrees},
    {"heap-balance", "Live blocks and bytes of each of the four heaps are back at their start.",
     false, &JudgeHeapBalance},
    {"interpreters",
     "The number of interpreters and the references outside the run's own are "
     "back at their start.",
     false, &JudgeInterpreters},
    {"merge-queues", "No object waits in a merge queue.", false, &JudgeMergeQueues},
    {"process-resources", "File descriptors and OS threads are back at their start.", true,
     &JudgeProcessResources},
    {"qsbr-slots",
     "One QSBR slot per thread state, as many as at the start; sequences keep "
     "their order.",
     false, &JudgeQsbrSlots},
    {"reference-total", "The reference total is exactly what it was, in sum and per type.", false,
     &JudgeReferenceTotal},
    {"thread-list", "There are as many thread states as at the start.", false, &JudgeThreadList},
};

}  // namespace

absl::Span<const Oracle> Oracles() { return kOracles; }

void JudgeAll(const Observation& before, const Observation& after, JudgeScope scope,
              std::string_view moment, ViolationList& out) {
  ViolationList found;
  for (const Oracle& oracle : Oracles()) {
    if (oracle.process && scope == JudgeScope::kRuntimeOnly) continue;
    oracle.judge(before, after, found);
  }
  for (const Violation& violation : found.violations()) {
    out.Add(violation.oracle, absl::StrFormat("%s (%s)", violation.message, moment));
  }
}

}  // namespace stressd::host
