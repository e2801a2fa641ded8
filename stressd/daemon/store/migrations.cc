#include "stressd/daemon/store/migrations.h"

#include <array>
#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "stressd/daemon/store/sqlite_status.h"

namespace stressd::store {
namespace {

// Times are microseconds since the Unix epoch. `spec`, `outcome`, `record` and
// `detail` are JSON objects of our own (record_json.h). Enumerators are stored
// by number (verdict.h, V2).
constexpr const char* kVersion1 = R"sql(
CREATE TABLE last_id (
  kind TEXT PRIMARY KEY,
  id INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
  id INTEGER PRIMARY KEY,
  request_id TEXT UNIQUE,
  scenario TEXT NOT NULL,
  flavor TEXT NOT NULL,
  state INTEGER NOT NULL,
  verdict INTEGER NOT NULL,
  soak_id INTEGER NOT NULL,
  repetition_id INTEGER NOT NULL,
  finding_id INTEGER NOT NULL,
  create_time INTEGER NOT NULL,
  start_time INTEGER NOT NULL,
  end_time INTEGER NOT NULL,
  spec TEXT NOT NULL,
  outcome TEXT NOT NULL
) STRICT;
CREATE INDEX run_by_scenario ON run (scenario, id);
CREATE INDEX run_by_verdict ON run (verdict, id);
CREATE INDEX run_by_soak ON run (soak_id, id) WHERE soak_id != 0;
CREATE INDEX run_by_repetition ON run (repetition_id, id)
  WHERE repetition_id != 0;
CREATE INDEX run_unfinished ON run (id) WHERE state != 3;

CREATE TABLE run_text (
  run_id INTEGER PRIMARY KEY REFERENCES run (id) ON DELETE CASCADE,
  report TEXT NOT NULL,
  stacks TEXT NOT NULL,
  events TEXT NOT NULL
) STRICT;

CREATE TABLE run_counter (
  run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (run_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_reference (
  run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  type TEXT NOT NULL,
  before INTEGER NOT NULL,
  after INTEGER NOT NULL,
  PRIMARY KEY (run_id, type)
) STRICT, WITHOUT ROWID;

CREATE TABLE soak (
  id INTEGER PRIMARY KEY,
  state INTEGER NOT NULL,
  end_time INTEGER NOT NULL,
  record TEXT NOT NULL
) STRICT;

CREATE TABLE finding (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  fingerprint TEXT NOT NULL UNIQUE,
  verdict INTEGER NOT NULL,
  run_count INTEGER NOT NULL,
  first_seen_time INTEGER NOT NULL,
  last_seen_time INTEGER NOT NULL,
  first_run_id INTEGER NOT NULL,
  last_run_id INTEGER NOT NULL,
  summary TEXT NOT NULL,
  detail TEXT NOT NULL,
  report TEXT NOT NULL
) STRICT;
CREATE INDEX finding_by_last_seen ON finding (last_seen_time, id);

CREATE TABLE finding_seen (
  finding_id INTEGER NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
  scenario TEXT NOT NULL,
  flavor TEXT NOT NULL,
  run_count INTEGER NOT NULL,
  PRIMARY KEY (finding_id, scenario, flavor)
) STRICT, WITHOUT ROWID;

CREATE TABLE host_sample (
  sample_time INTEGER NOT NULL,
  process TEXT NOT NULL,
  pid INTEGER NOT NULL,
  run_id INTEGER NOT NULL,
  finished_run_count INTEGER NOT NULL,
  rss_bytes INTEGER NOT NULL,
  reference_total INTEGER NOT NULL,
  counters TEXT NOT NULL
) STRICT;
CREATE INDEX host_sample_by_time ON host_sample (sample_time);
)sql";

// How a run was perturbed; before there were plans, not at all.
constexpr const char* kVersion2 = R"sql(
ALTER TABLE run ADD COLUMN plan TEXT NOT NULL DEFAULT 'none';
)sql";

constexpr std::array kMigrations = {kVersion1, kVersion2};

int UserVersion(SQLite::Database& database) {
  return database.execAndGet("PRAGMA user_version").getInt();
}

}  // namespace

int CurrentSchemaVersion() { return static_cast<int>(kMigrations.size()); }

absl::Status Migrate(SQLite::Database& database) {
  return Guarded("store: migration", [&]() -> absl::Status {
    const int version = UserVersion(database);
    if (version > CurrentSchemaVersion()) {
      return absl::FailedPreconditionError(
          absl::StrCat("store: ", database.getFilename(), " has schema version ", version,
                       "; this daemon knows ", CurrentSchemaVersion(),
                       " and older: use the newer daemon or another state folder"));
    }
    if (version > 0 && version < CurrentSchemaVersion()) {
      SQLite::Statement copy(database, "VACUUM INTO ?");
      copy.bind(1, absl::StrCat(database.getFilename(), ".v", version));
      copy.exec();
    }
    for (int next = version; next < CurrentSchemaVersion(); ++next) {
      SQLite::Transaction transaction(database);
      database.exec(kMigrations[static_cast<size_t>(next)]);
      database.exec(absl::StrCat("PRAGMA user_version = ", next + 1));
      transaction.commit();
    }
    return absl::OkStatus();
  });
}

}  // namespace stressd::store
