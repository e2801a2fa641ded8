// Rows of runs. Functions throw SQLite::Exception: call inside Guarded().
#ifndef STRESSD_DAEMON_STORE_RUN_ROWS_H_
#define STRESSD_DAEMON_STORE_RUN_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "SQLiteCpp/SQLiteCpp.h"
#include "stressd/daemon/runs/run.h"
#include "stressd/daemon/runs/run_sink.h"

namespace stressd::store {

// Inserts the run or replaces the one of its id. Needs a transaction.
void PutRunRow(SQLite::Database& database, const runs::RunRecord& run);

// The run with texts, counters and references, or nothing.
std::optional<runs::RunRecord> GetRunRow(SQLite::Database& database, int64_t id);

std::optional<int64_t> FindRunIdByRequestId(SQLite::Database& database,
                                            const std::string& request_id);

// Runs with counters and references, without report, stacks and events: a page
// of long reports would not fit any message.
std::vector<runs::RunRecord> ListRunRows(SQLite::Database& database, const runs::RunQuery& query);

// Ids of runs that are not finished, rising.
std::vector<int64_t> UnfinishedRunIds(SQLite::Database& database);

// Remembers that `id` was given away, for ever. Kinds: "run", "soak".
void PutLastId(SQLite::Database& database, const char* kind, int64_t id);
int64_t GetLastId(SQLite::Database& database, const char* kind);

}  // namespace stressd::store

#endif  // STRESSD_DAEMON_STORE_RUN_ROWS_H_
