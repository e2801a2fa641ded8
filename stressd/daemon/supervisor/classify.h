// From how a host ended to a verdict.
//
// Model.  A function of facts: the drive's end, the host's result, its exit
// status, and what the black box holds. Never of what it printed: the text is
// kept for people, and decides nothing. What was found wins over how the run
// was ended, and a death wins over the result told before it:
//   1 a sanitizer's exit code or mark in the black box    SANITIZER_REPORT
//     (a leak report beside an oracle's violation         VIOLATION)
//   2 a failed runtime check in the black box             VIOLATION
//   3 a violation in the result                           VIOLATION
//   4 a signal that we did not send                       CRASHED
//   5 stopped by us                                       HUNG, TIMED_OUT, ...
//   6 a clean end                                         the result's verdict
//   7 anything else                                       ERROR
// Thread safety.  Functions of their arguments.
#ifndef STRESSD_DAEMON_SUPERVISOR_CLASSIFY_H_
#define STRESSD_DAEMON_SUPERVISOR_CLASSIFY_H_

#include <optional>
#include <string>

#include "stressd/daemon/runs/run.h"
#include "stressd/daemon/supervisor/host_process.h"
#include "stressd/daemon/supervisor/run_driver.h"
#include "stressd/protocol/black_box.h"

namespace stressd::supervisor {

struct EndingFacts {
  DriveReport drive;
  // Absent: the host lives on, or was killed by us before it ended.
  std::optional<HostExit> exit;
  bool killed_by_us = false;
  std::optional<protocol::FailureView> failure;
  protocol::ReportKind report_kind = protocol::ReportKind::kNone;
};

// The outcome with verdict, summary, violations and the result's numbers. The
// caller adds report, stacks, events and process.
runs::RunOutcome Classify(const EndingFacts& facts);

}  // namespace stressd::supervisor

#endif  // STRESSD_DAEMON_SUPERVISOR_CLASSIFY_H_
