// Turns runs that found something into findings: the judge of what is the same.
//
// Model.  A sanitizer's report names itself; a run of ThreadSanitizer's may have several,
// each a finding, and broken promises beside them. A broken promise is named by its
// oracle and, since it has no stack, by the scenario; a runtime check by its
// invariant and file. A crash is named by the signal and the backtrace's own
// frames, a hang by the innermost own frames of all threads.
// Thread safety.  Any thread.
#ifndef STRESSD_DAEMON_FINDINGS_FINDING_RECORDER_H_
#define STRESSD_DAEMON_FINDINGS_FINDING_RECORDER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "stressd/daemon/findings/finding.h"
#include "stressd/daemon/findings/finding_store.h"
#include "stressd/daemon/findings/report_parser.h"
#include "stressd/daemon/runs/finding_sink.h"
#include "stressd/daemon/runs/run.h"

namespace stressd::findings {

// The finding that `run` shows first, as seen by it alone.
Finding FindingOf(const runs::RunRecord& run, const Symbolize& symbolize);

// All findings that `run` shows, at least one: that one, every other race that
// ThreadSanitizer reported, and a violation beside the races.
std::vector<Finding> FindingsOf(const runs::RunRecord& run, const Symbolize& symbolize);

class FindingRecorder final : public runs::FindingSink {
 public:
  // `store` is not owned and outlives this.
  FindingRecorder(FindingStore* store, Symbolize symbolize);

  // InvalidArgumentError for a run whose verdict is not a finding.
  absl::StatusOr<std::vector<int64_t>> Record(const runs::RunRecord& run) override;

 private:
  FindingStore* const store_;
  const Symbolize symbolize_;
};

}  // namespace stressd::findings

#endif  // STRESSD_DAEMON_FINDINGS_FINDING_RECORDER_H_
