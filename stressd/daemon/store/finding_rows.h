// Rows of findings. Functions throw SQLite::Exception: call inside Guarded().
#ifndef STRESSD_DAEMON_STORE_FINDING_ROWS_H_
#define STRESSD_DAEMON_STORE_FINDING_ROWS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "SQLiteCpp/SQLiteCpp.h"
#include "stressd/daemon/findings/finding.h"
#include "stressd/daemon/findings/finding_store.h"

namespace stressd::store {

// Adds what one run has seen to the finding of its fingerprint and returns the
// id. Needs a transaction.
int64_t MergeFindingRow(SQLite::Database& database, const findings::Finding& seen);

std::optional<findings::Finding> GetFindingRow(SQLite::Database& database, int64_t id);

std::vector<findings::Finding> ListFindingRows(SQLite::Database& database,
                                               const findings::FindingQuery& query);

}  // namespace stressd::store

#endif  // STRESSD_DAEMON_STORE_FINDING_ROWS_H_
