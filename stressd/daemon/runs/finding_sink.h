// What the manager of runs needs of findings.
#ifndef STRESSD_DAEMON_RUNS_FINDING_SINK_H_
#define STRESSD_DAEMON_RUNS_FINDING_SINK_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "stressd/daemon/runs/run.h"

namespace stressd::runs {

// Turns runs that found something into deduplicated findings.
// Thread safety.  Any thread; may block (symbolizer, disk). No lock is held.
class FindingSink {
 public:
  virtual ~FindingSink() = default;

  // Records the findings of `run`, whose verdict IsFinding(), and returns their
  // ids, at least one, the newest first: what is known does not hide what is new.
  // Equal fingerprints have equal ids. Called once per run, before its final PutRun().
  virtual absl::StatusOr<std::vector<int64_t>> Record(const RunRecord& run) = 0;
};

}  // namespace stressd::runs

#endif  // STRESSD_DAEMON_RUNS_FINDING_SINK_H_
