// Feeds one run to a host and watches it until it has told its result, has
// gone, hangs, or had to be stopped.
//
// Model.  One loop on the control socket. A host makes progress while its black
// box's counts change; without it for the deadline it is hung. Time that this
// thread was not running (the whole machine paused) does not count against it.
// A cancel or the time limit asks first, and gives up after a grace.
// Invariants.  D1: DriveRun() ends within time_limit + cancel_grace, and a
// silent host within heartbeat_deadline.
// Thread safety.  One thread per host.
#ifndef STRESSD_DAEMON_SUPERVISOR_RUN_DRIVER_H_
#define STRESSD_DAEMON_SUPERVISOR_RUN_DRIVER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "stressd/daemon/runs/executor.h"
#include "stressd/daemon/runs/run.h"
#include "stressd/daemon/supervisor/host_process.h"
#include "stressd/protocol/host.pb.h"

namespace stressd::supervisor {

// Of one run, flavor's factors applied.
struct DriveLimits {
  absl::Duration time_limit;
  absl::Duration cancel_grace;
  absl::Duration heartbeat_deadline;
  int64_t rss_bytes_max = 0;
  int64_t operation_count_max = 0;
};

enum class DriveEnd {
  kResult,         // It told its result.
  kHostGone,       // It closed its socket: it is dead or dying.
  kProtocolError,  // It talks nonsense; see detail.
  kHung,           // No progress for the deadline.
  kIgnoredStop,    // Asked to stop, it did not within the grace.
  kOverLimit,      // Too much memory or too many operations; see detail.
};

// What the host was asked to stop for.
enum class StopReason { kNone, kCancelled, kTimedOut };

struct DriveReport {
  DriveEnd end = DriveEnd::kHostGone;
  StopReason stop = StopReason::kNone;
  std::optional<protocol::RunResult> result;
  std::string detail;
};

DriveReport DriveRun(HostProcess& host, const runs::RunRecord& run, const DriveLimits& limits,
                     const runs::CancelToken& cancel,
                     const runs::Executor::ProgressCallback& on_progress);

}  // namespace stressd::supervisor

#endif  // STRESSD_DAEMON_SUPERVISOR_RUN_DRIVER_H_
