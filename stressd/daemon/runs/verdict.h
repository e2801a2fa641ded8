// Verdicts: what a run found, as distinct from where it stands.
//
// Model.  A run is QUEUED, RUNNING or FINISHED; only a finished one has a
// verdict. Errors before a run is accepted are statuses, never verdicts.
// Invariants.  V1: a verdict is kUnspecified exactly while the run is not
// finished.  V2: enumerators keep their numbers, since the store keeps them.
// Thread safety.  Plain values.
#ifndef STRESSD_DAEMON_RUNS_VERDICT_H_
#define STRESSD_DAEMON_RUNS_VERDICT_H_

#include <optional>

#include "absl/strings/string_view.h"

namespace stressd::runs {

// Where a run stands.
enum class RunState {
  kUnspecified = 0,  // Never stored.
  kQueued = 1,       // Accepted, not started.
  kRunning = 2,      // Handed to a host.
  kFinished = 3,     // The verdict is set.
};

// How a run ended. The table of design.md, section 2.
enum class Verdict {
  kUnspecified = 0,      // Not finished.
  kPassed = 1,           // Every oracle satisfied.
  kViolation = 2,        // An oracle or a runtime check spoke.
  kSanitizerReport = 3,  // A sanitizer spoke.
  kCrashed = 4,          // Ended by a signal nobody of ours sent.
  kHung = 5,             // No heartbeat for the deadline.
  kError = 6,            // Could not run.
  kCancelled = 7,        // By a client or by shutdown.
  kTimedOut = 8,         // Alive, but longer than its time limit.
  kInconclusive = 9,     // Did not reach what it must, or a silent canary.
};

// What executes a run: the flavor's long-lived host or a process of its own.
enum class HostKind {
  kUnspecified = 0,  // The daemon chooses: fresh.
  kResident = 1,
  kFresh = 2,
};

// Name as people and the API write it: "PASSED", "SANITIZER_REPORT".
absl::string_view VerdictName(Verdict verdict);
std::optional<Verdict> VerdictFromName(absl::string_view name);

absl::string_view RunStateName(RunState state);
absl::string_view HostKindName(HostKind kind);  // "resident", "fresh", "".

// True for the verdicts that are a problem in what was stressed and so make a
// finding: VIOLATION, SANITIZER_REPORT, CRASHED, HUNG.
bool IsFinding(Verdict verdict);

// The exit code of `stressctl run` for one run of this verdict.
int ExitCodeOf(Verdict verdict);

}  // namespace stressd::runs

#endif  // STRESSD_DAEMON_RUNS_VERDICT_H_
