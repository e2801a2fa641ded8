#include "stressd/host/oracles/child_processes.h"

namespace stressd::host {

void JudgeChildProcesses(const Observation& before, const Observation& after, ViolationList& out) {
  if (!after.process.has_children || before.process.has_children) return;
  out.Add("child-processes", "a child process was not reaped");
}

}  // namespace stressd::host
