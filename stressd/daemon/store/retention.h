// Keeps the store small: deletes what is old or too much.
//
// Model.  By age: finished runs, samples, ended soaks and findings that nobody
// has seen for that long. By size: samples first, then the oldest runs that
// found nothing, then the oldest of the others, until the pages in use fit.
// Findings keep their report, so deleting a run loses no problem.
// Invariants.  Runs that are not finished and active soaks are never deleted;
// ids given away stay known (last_id).
#ifndef STRESSD_DAEMON_STORE_RETENTION_H_
#define STRESSD_DAEMON_STORE_RETENTION_H_

#include <cstdint>

#include "SQLiteCpp/SQLiteCpp.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace stressd::store {

struct RetentionPolicy {
  absl::Duration age_max = absl::Hours(24 * 30);
  int64_t store_bytes_max = int64_t{512} << 20;
};

// Bytes of pages in use; free pages inside the file do not count.
int64_t UsedBytes(SQLite::Database& database);

// Applies `policy` as of `now` and returns free pages to the file system.
// Outside of any transaction; throws SQLite::Exception.
absl::Status ApplyRetention(SQLite::Database& database, const RetentionPolicy& policy,
                            absl::Time now);

}  // namespace stressd::store

#endif  // STRESSD_DAEMON_STORE_RETENTION_H_
