// Limits the daemon enforces, whoever asks.
//
// Model.  Counts are checked when a run is created (RESOURCE_EXHAUSTED when
// full, INVALID_ARGUMENT when the run itself is too large), memory while it
// runs (the supervisor polls the host's resident memory; address space limits
// cannot be used, since sanitizers reserve terabytes).
// Thread safety.  Plain values.
#ifndef STRESSD_DAEMON_RUNS_LIMITS_H_
#define STRESSD_DAEMON_RUNS_LIMITS_H_

#include <cstdint>

#include "absl/time/time.h"

namespace stressd::runs {

struct Limits {
  int32_t fresh_run_count_max = 2;  // At once; resident runs come on top.
  int32_t queued_run_count_max = 1000;
  // Parameters that count threads, each and all of a run together.
  int64_t thread_count_max = 256;
  int64_t operation_count_max = 1'000'000'000;  // Each parameter that counts operations.
  // Per host process, and each parameter that counts bytes.
  int64_t rss_bytes_max = int64_t{2} << 30;
  absl::Duration duration_max = absl::Hours(24);
  absl::Duration time_limit_max = absl::Hours(25);
  // Time limit of a run that names neither duration nor limit.
  absl::Duration time_limit_default = absl::Minutes(5);
  // Added to `duration` where only that is given: set up, check, slow flavors.
  absl::Duration time_limit_slack = absl::Minutes(2);
  absl::Duration cancel_grace = absl::Seconds(5);
  // Without heartbeat progress a host is HUNG after this; times the flavor's
  // factor (tsan 4, asan 2).
  absl::Duration heartbeat_deadline = absl::Seconds(10);
  int32_t active_soak_count_max = 8;
  int32_t page_size_max = 1000;
};

}  // namespace stressd::runs

#endif  // STRESSD_DAEMON_RUNS_LIMITS_H_
