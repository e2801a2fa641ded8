// Exit codes of stressctl: few, documented, and a finding is not a tool error.
//
// Model.  One run has one code; of several the first of 1, 3, 6, 5, 7, 0 wins,
// since a found problem matters more than one that could not be looked for.
// Thread safety.  Pure functions.
#ifndef CLIENT_EXIT_CODE_H_
#define CLIENT_EXIT_CODE_H_

#include <grpcpp/support/status.h>

#include "absl/types/span.h"
#include "proto/stressd/v1/verdict.pb.h"

namespace stressd::client {

enum ExitCode : int {
  kExitPassed = 0,
  kExitFound = 1,         // VIOLATION, SANITIZER_REPORT, CRASHED, HUNG.
  kExitUsage = 2,         // A bad flag or argument, here or by the daemon's word.
  kExitCouldNotRun = 3,   // ERROR; no resources; the daemon failed.
  kExitUnreachable = 4,   // No daemon there, or not allowed.
  kExitCancelled = 5,     // CANCELLED.
  kExitTimedOut = 6,      // TIMED_OUT, or the deadline of a call.
  kExitInconclusive = 7,  // INCONCLUSIVE.
};

// The table for `--help`.
inline constexpr char kExitCodeHelp[] =
    "Exit codes: 0 passed, 1 something was found, 2 usage, 3 could not run,\n"
    "4 daemon not reachable or not allowed, 5 cancelled, 6 timed out,\n"
    "7 inconclusive. Of several runs the first of 1, 3, 6, 5, 7, 0 wins.";

// The code of one finished run; an unknown verdict counts as found.
int ExitCodeOf(v1::Verdict verdict);

// True for a verdict that says something of the scenario: no ERROR, no CANCELLED.
bool IsTrial(v1::Verdict verdict);

// The code of a call that failed.
int ExitCodeOf(const grpc::Status& status);

// The code of several runs; kExitPassed for none.
int CombineExitCodes(absl::Span<const int> codes);

}  // namespace stressd::client

#endif  // CLIENT_EXIT_CODE_H_
