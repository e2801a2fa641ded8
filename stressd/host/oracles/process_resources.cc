#include "stressd/host/oracles/process_resources.h"

#include "absl/strings/str_format.h"

namespace stressd::host {

void JudgeProcessResources(const Observation& before, const Observation& after,
                           ViolationList& out) {
  const ProcessUsage& was = before.process;
  const ProcessUsage& is = after.process;
  for (const auto& [descriptor, target] : is.file_descriptors) {
    if (was.file_descriptors.contains(descriptor)) continue;
    out.Add("process-resources",
            absl::StrFormat("file descriptor %d (%s) was left open", descriptor, target));
  }
  for (const auto& [descriptor, target] : was.file_descriptors) {
    const auto found = is.file_descriptors.find(descriptor);
    if (found != is.file_descriptors.end() && found->second == target) continue;
    out.Add("process-resources",
            absl::StrFormat("file descriptor %d (%s) was closed or replaced", descriptor, target));
  }
  if (is.thread_count != was.thread_count) {
    out.Add("process-resources",
            absl::StrFormat("%+d OS threads: there were %d and are %d",
                            is.thread_count - was.thread_count, was.thread_count, is.thread_count));
  }
}

}  // namespace stressd::host
