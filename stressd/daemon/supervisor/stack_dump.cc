#include "stressd/daemon/supervisor/stack_dump.h"

#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "stressd/daemon/runs/run.h"
#include "stressd/daemon/supervisor/process_info.h"
#include "stressd/daemon/supervisor/stderr_capture.h"

namespace stressd::supervisor {

std::string DumpStacks(ProcessSpawner& spawner, const std::string& program, pid_t pid,
                       absl::Duration timeout) {
  std::string text;
  const absl::StatusOr<StderrCapture> output = StderrCapture::Create();
  if (output.ok()) {
    SpawnRequest request;
    // 64 frames: no stack of ours is deeper, and a smashed one has no end.
    request.arguments = {program, "-n", "64", "-p", absl::StrCat(pid)};
    request.output_fd = output->fd();
    absl::StatusOr<ChildProcess> helper = spawner.Spawn(request);
    if (helper.ok()) {
      if (!helper->Wait(timeout).has_value()) {
        absl::StrAppend(&text, program, " took longer than ", absl::FormatDuration(timeout), "\n");
      }
      helper->KillAndReap();
      text += output->Text(runs::kReportBytesMax / 2);
    } else {
      absl::StrAppend(&text, std::string(helper.status().message()), "\n");
    }
  }
  absl::StrAppend(&text, "\n", ThreadTable(pid));
  return runs::BoundedText(std::move(text), runs::kReportBytesMax);
}

}  // namespace stressd::supervisor
