// Findings: problems that runs found, each kept once.
//
// Model.  Two runs show the same problem when their fingerprints are equal:
// hash of tool, kind and frames. The first run's full text is kept; later ones
// count, and widen the lists of scenarios and flavors.
// Invariants.  F1: one finding per fingerprint.  F2: first_seen_time <=
// last_seen_time.  F3: texts are bounded (kFindingReportBytesMax).
// Thread safety.  Plain values.
#ifndef STRESSD_DAEMON_FINDINGS_FINDING_H_
#define STRESSD_DAEMON_FINDINGS_FINDING_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "stressd/daemon/runs/run.h"
#include "stressd/daemon/runs/verdict.h"

namespace stressd::findings {

// Report and stacks of one run.
inline constexpr size_t kFindingReportBytesMax = 2 * runs::kReportBytesMax;

// Most frames kept: both accesses of a data race.
inline constexpr size_t kFindingFrameCountMax = 8;

struct Finding {
  int64_t id = 0;
  std::string fingerprint;  // 16 hex digits.
  std::string tool;
  std::string kind;
  std::string title;
  runs::Verdict verdict = runs::Verdict::kUnspecified;
  std::vector<std::string> frames;
  int64_t run_count = 0;
  absl::Time first_seen_time;
  absl::Time last_seen_time;
  int64_t first_run_id = 0;
  int64_t last_run_id = 0;
  std::set<std::string> scenarios;
  std::set<std::string> flavors;
  std::string repeat_command;
  std::string build_id;
  std::vector<runs::Violation> violations;
  std::vector<runs::CounterValue> counters;
  std::vector<runs::RunEventRecord> events;
  std::string report;
};

// Hash of tool, kind and frames as 16 hex digits; the same on every machine.
std::string Fingerprint(const Finding& finding);

}  // namespace stressd::findings

#endif  // STRESSD_DAEMON_FINDINGS_FINDING_H_
