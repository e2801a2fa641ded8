// What findings need of a store.
//
// Thread safety.  Any thread; calls may block on disk.
#ifndef STRESSD_DAEMON_FINDINGS_FINDING_STORE_H_
#define STRESSD_DAEMON_FINDINGS_FINDING_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stressd/daemon/findings/finding.h"

namespace stressd::findings {

// Which findings to list, the last seen first. Empty fields do not restrict.
struct FindingQuery {
  std::string scenario = "";  // Empty: any.
  std::string flavor = "";    // Empty: any.
  runs::Verdict verdict = runs::Verdict::kUnspecified;
  // The page's start: only findings that come after this one in the order.
  std::optional<absl::Time> before_last_seen_time = std::nullopt;
  int64_t before_id = 0;
  int32_t limit = 50;
};

class FindingStore {
 public:
  virtual ~FindingStore() = default;

  // Merges `seen`, a finding of one run, into the one of its fingerprint, or
  // makes that. Returns its id.
  virtual absl::StatusOr<int64_t> MergeFinding(const Finding& seen) = 0;

  // NotFoundError if there is none.
  virtual absl::StatusOr<Finding> GetFinding(int64_t id) = 0;

  // At most `query.limit` findings, without report, counters and events.
  virtual absl::StatusOr<std::vector<Finding>> ListFindings(const FindingQuery& query) = 0;
};

}  // namespace stressd::findings

#endif  // STRESSD_DAEMON_FINDINGS_FINDING_STORE_H_
