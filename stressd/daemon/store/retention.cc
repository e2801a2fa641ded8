#include "stressd/daemon/store/retention.h"

#include <array>
#include <cstddef>

#include "absl/strings/str_cat.h"

namespace stressd::store {
namespace {

// Rows per transaction: writers wait a few milliseconds at most.
constexpr int kBatchRows = 500;
// Rows lost at once for space: few, so that hardly more goes than must.
constexpr int kSpaceBatchRows = 50;

// Deletes up to `limit` rows; returns how many it were.
int DeleteBatch(SQLite::Database& database, const char* statement, int64_t argument, int limit) {
  SQLite::Statement rows(database, statement);
  rows.bind(":argument", argument);
  rows.bind(":limit", limit);
  return rows.exec();
}

void DeleteOlder(SQLite::Database& database, absl::Time limit) {
  constexpr std::array kStatements = {
      "DELETE FROM run WHERE id IN (SELECT id FROM run WHERE state = 3 AND "
      "end_time < :argument ORDER BY id LIMIT :limit)",
      "DELETE FROM host_sample WHERE rowid IN (SELECT rowid FROM host_sample "
      "WHERE sample_time < :argument LIMIT :limit)",
      // 3, 4: SoakState::kFinished, kStopped.
      "DELETE FROM soak WHERE id IN (SELECT id FROM soak WHERE state IN (3, 4) "
      "AND end_time < :argument LIMIT :limit)",
      "DELETE FROM finding WHERE id IN (SELECT id FROM finding WHERE "
      "last_seen_time < :argument LIMIT :limit)"};
  for (const char* statement : kStatements) {
    while (DeleteBatch(database, statement, absl::ToUnixMicros(limit), kBatchRows) == kBatchRows) {
    }
  }
}

// The next thing to lose for space; false if there is nothing left to delete.
bool DeleteForSpace(SQLite::Database& database) {
  constexpr std::array kStatements = {
      "DELETE FROM host_sample WHERE rowid IN (SELECT rowid FROM host_sample "
      "WHERE sample_time > :argument ORDER BY sample_time LIMIT :limit)",
      "DELETE FROM run WHERE id IN (SELECT id FROM run WHERE state = 3 AND "
      "finding_id = 0 AND id > :argument ORDER BY id LIMIT :limit)",
      "DELETE FROM run WHERE id IN (SELECT id FROM run WHERE state = 3 AND "
      "id > :argument ORDER BY id LIMIT :limit)",
      "DELETE FROM finding WHERE id IN (SELECT id FROM finding WHERE "
      "id > :argument ORDER BY last_seen_time LIMIT min(:limit, 10))"};
  for (const char* statement : kStatements) {
    if (DeleteBatch(database, statement, 0, kSpaceBatchRows) > 0) return true;
  }
  return false;
}

}  // namespace

int64_t UsedBytes(SQLite::Database& database) {
  const int64_t pages = database.execAndGet("PRAGMA page_count").getInt64() -
                        database.execAndGet("PRAGMA freelist_count").getInt64();
  return pages * database.execAndGet("PRAGMA page_size").getInt64();
}

absl::Status ApplyRetention(SQLite::Database& database, const RetentionPolicy& policy,
                            absl::Time now) {
  DeleteOlder(database, now - policy.age_max);
  if (UsedBytes(database) > policy.store_bytes_max) {
    // A tenth less, so that this is not repeated for each new run.
    const int64_t goal = policy.store_bytes_max - policy.store_bytes_max / 10;
    while (UsedBytes(database) > goal && DeleteForSpace(database)) {
    }
  }
  database.exec("PRAGMA incremental_vacuum");
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  return absl::OkStatus();
}

}  // namespace stressd::store
