#include "stressd/daemon/runs/verdict.h"

#include <array>

#include "absl/strings/string_view.h"

namespace stressd::runs {
namespace {

struct VerdictRow {
  Verdict verdict;
  absl::string_view name;
  bool is_finding;
  int exit_code;  // Of stressctl: design.md, section 2.
};

constexpr std::array<VerdictRow, 10> kVerdicts = {{
    {Verdict::kUnspecified, "UNSPECIFIED", false, 3},
    {Verdict::kPassed, "PASSED", false, 0},
    {Verdict::kViolation, "VIOLATION", true, 1},
    {Verdict::kSanitizerReport, "SANITIZER_REPORT", true, 1},
    {Verdict::kCrashed, "CRASHED", true, 1},
    {Verdict::kHung, "HUNG", true, 1},
    {Verdict::kError, "ERROR", false, 3},
    {Verdict::kCancelled, "CANCELLED", false, 5},
    {Verdict::kTimedOut, "TIMED_OUT", false, 6},
    {Verdict::kInconclusive, "INCONCLUSIVE", false, 7},
}};

const VerdictRow& RowOf(Verdict verdict) {
  for (const VerdictRow& row : kVerdicts) {
    if (row.verdict == verdict) return row;
  }
  return kVerdicts[0];  // A number from a newer store.
}

}  // namespace

absl::string_view VerdictName(Verdict verdict) { return RowOf(verdict).name; }

std::optional<Verdict> VerdictFromName(absl::string_view name) {
  for (const VerdictRow& row : kVerdicts) {
    if (row.name == name && row.verdict != Verdict::kUnspecified) {
      return row.verdict;
    }
  }
  return std::nullopt;
}

absl::string_view RunStateName(RunState state) {
  switch (state) {
    case RunState::kUnspecified:
      return "UNSPECIFIED";
    case RunState::kQueued:
      return "QUEUED";
    case RunState::kRunning:
      return "RUNNING";
    case RunState::kFinished:
      return "FINISHED";
  }
  return "UNSPECIFIED";
}

absl::string_view HostKindName(HostKind kind) {
  switch (kind) {
    case HostKind::kUnspecified:
      return "";
    case HostKind::kResident:
      return "resident";
    case HostKind::kFresh:
      return "fresh";
  }
  return "";
}

bool IsFinding(Verdict verdict) { return RowOf(verdict).is_finding; }

int ExitCodeOf(Verdict verdict) { return RowOf(verdict).exit_code; }

}  // namespace stressd::runs
